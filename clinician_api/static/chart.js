// How is the chart read with a mouse, a finger or the keyboard? uPlot over the server's picture; every stop of the cursor
// is a row of the table, whose words are shown and spoken.
"use strict";
(() => {
  const COLOURS = ["stroke", "dot", "good", "good-pale", "alarm", "alert", "watch", "doubt", "soft", "gap", "grid", "faint", "card"];
  const DAYS = { waiting: "#6c4aa0", not_weighed: "#e0a458", scale_silent: "#8f5000", our_outage: "#a3123a" };
  const GAP = 60 * 3600; // as chart.py
  const LANES = 40;
  const living = new Map(); // the element and what draws it

  function palette() {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }
  // Null values break the line where chart.py breaks it.
  function broken(data) {
    const t = [], kg = [];
    data.t.forEach((at, i) => {
      if (i && at - data.t[i - 1] > GAP) { t.push((at + data.t[i - 1]) / 2); kg.push(null); }
      t.push(at);
      kg.push(data.kg[i]);
    });
    return [t, kg];
  }
  function painters(data, colour) {
    const clip = (u, value) => Math.min(Math.max(value, u.scales.y.min), u.scales.y.max);
    const at = (u, t) => u.valToPos(Math.min(Math.max(t, u.scales.x.min), u.scales.x.max), "x", true);
    const high = (u, kg) => u.valToPos(clip(u, kg), "y", true);
    const ratio = devicePixelRatio || 1;
    function behind(u) {
      const { ctx, bbox } = u;
      ctx.save();
      for (const [since, until, state] of data.gaps) {
        const x = at(u, since), width = at(u, until) - x;
        ctx.fillStyle = colour.gap;
        ctx.globalAlpha = 0.65;
        ctx.fillRect(x, bbox.top, width, bbox.height);
        ctx.globalAlpha = 1;
        ctx.fillStyle = DAYS[state] || colour.faint;
        ctx.fillRect(x, bbox.top + bbox.height - 7 * ratio, width, 7 * ratio);
      }
      ctx.fillStyle = colour["good-pale"];
      let run = [];
      const fill = () => {
        ctx.beginPath();
        for (const [t, , top] of run) ctx.lineTo(at(u, t), high(u, top));
        for (const [t, low] of run.toReversed()) ctx.lineTo(at(u, t), high(u, low));
        ctx.fill();
        run = [];
      };
      for (const one of data.usual) {
        if (run.length && one[0] - run.at(-1)[0] > GAP) fill();
        run.push(one);
      }
      fill();
      ctx.restore();
    }
    function line(u, points, stroke, width, dash) {
      const { ctx } = u;
      ctx.strokeStyle = stroke;
      ctx.lineWidth = width * ratio;
      ctx.setLineDash(dash.map((length) => length * ratio));
      ctx.beginPath();
      for (const [x, y] of points) ctx.lineTo(x, y);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    function shape(u, x, y, kind) {
      const { ctx } = u, r = 5 * ratio;
      const corners = {
        up: [[-r, r], [0, -r], [r, r]], down: [[-r, -r], [r, -r], [0, r]], contact: [[0, -r], [r, 0], [0, r], [-r, 0]],
        treatment: [[-r, -r], [r, -r], [r, r], [-r, r]], note: [[-r, -r], [r, -r], [r, -r / 3], [-r, -r / 3]],
      }[kind] || [];
      ctx.beginPath();
      for (const [dx, dy] of corners) ctx.lineTo(x + dx, y + dy);
      ctx.closePath();
      ctx.fill();
    }
    function before(u) {
      const { ctx, bbox } = u;
      const floor = bbox.top + bbox.height;
      ctx.save();
      for (const [kind, kg] of data.limits) {
        if (kg < u.scales.y.min || kg > u.scales.y.max) continue;
        const y = high(u, kg);
        line(u, [[bbox.left, y], [bbox.left + bbox.width, y]], colour.alarm, kind === "fired" ? 1.5 : 1, kind === "fired" ? [6, 4] : [1, 3]);
      }
      const steps = data.dry.filter(([t], i) => t > u.scales.x.min || !data.dry[i + 1] || data.dry[i + 1][0] > u.scales.x.min);
      if (steps.length) {
        const corners = steps.flatMap(([t, kg], i) => [...(i ? [[at(u, t), high(u, steps[i - 1][1])]] : []), [at(u, t), high(u, kg)]]);
        line(u, [...corners, [bbox.left + bbox.width, corners.at(-1)[1]]], colour.good, 2, []);
      }
      for (const [t, kg, state] of data.doubted) {
        if (t < u.scales.x.min || t > u.scales.x.max) continue;
        const x = at(u, t), y = high(u, kg), r = 4 * ratio;
        ctx.lineWidth = 1.8 * ratio;
        ctx.beginPath();
        if (state === "quarantined") {
          ctx.strokeStyle = colour.doubt;
          ctx.arc(x, y, r, 0, 7);
        } else {
          ctx.strokeStyle = colour.soft;
          ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y + r); ctx.moveTo(x + r, y - r); ctx.lineTo(x - r, y + r);
        }
        ctx.stroke();
      }
      for (const [since, until, severity] of data.spans) {
        if (until < u.scales.x.min || since > u.scales.x.max) continue;
        ctx.fillStyle = colour[severity];
        shape(u, at(u, since), floor + 10 * ratio, "up");
        ctx.fillRect(at(u, since), floor + 11 * ratio, at(u, until) - at(u, since), 4 * ratio);
      }
      for (const [t, kind] of data.acts) {
        if (t < u.scales.x.min || t > u.scales.x.max) continue;
        ctx.fillStyle = kind === "contact" ? colour.watch : kind === "note" ? colour.soft : colour.doubt;
        shape(u, at(u, t), floor + 28 * ratio, kind);
      }
      ctx.restore();
    }
    return { behind, before };
  }
  function options(data, box, read) {
    const colour = palette();
    const { behind, before } = painters(data, colour);
    const language = document.documentElement.lang;
    const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: data.zone });
    const axis = { stroke: colour.soft, grid: { stroke: colour.grid, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    return {
      width: box.clientWidth,
      height: box.clientWidth < 600 ? 320 : 350,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.zone),
      scales: { x: { min: data.x[0], max: data.x[1] }, y: { range: data.y } },
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { size: 9 } },
      axes: [
        { ...axis, size: LANES + 26, gap: LANES, space: 80, values: (u, ticks) => ticks.map((tick) => day.format(tick * 1000)) },
        { ...axis, size: 46 },
      ],
      series: [{}, {
        stroke: colour.stroke, width: 1.6, spanGaps: false,
        points: { show: true, size: data.t.length > 60 ? 4 : 7, fill: colour.dot, stroke: colour.dot },
      }],
      hooks: { drawClear: [behind], draw: [before], setCursor: [(u) => { if (u.cursor.event) read(u.posToVal(u.cursor.left, "x"), u); }] },
    };
  }

  function live(box) {
    const section = box.parentElement;
    const data = JSON.parse(section.querySelector(".plot-data").textContent);
    const rows = [...section.querySelectorAll(".twin tbody tr")];
    const readout = section.querySelector(".readout");
    const stops = data.stops.map(([t, kg], row) => ({ t, kg, row })).reverse(); // the oldest first
    let now = stops.length;
    let plot = null;
    const words = (row) => [...row.cells].map((cell) => {
      const copy = cell.cloneNode(true);
      for (const link of copy.querySelectorAll("a")) link.remove();
      return copy.textContent.trim();
    }).filter(Boolean).join(", ");
    function stop(index) {
      now = Math.min(Math.max(index, 0), stops.length - 1);
      readout.textContent = words(rows[stops[now].row]);
    }
    function nearest(t, u) {
      if (!stops.length || u.cursor.left < 0) return;
      const best = stops.reduce((found, one, i) => (Math.abs(one.t - t) < Math.abs(stops[found].t - t) ? i : found), 0);
      if (best !== now) stop(best);
    }
    function point() {
      if (!plot) return;
      const { t, kg } = stops[now];
      plot.setCursor({ left: plot.valToPos(t, "x"), top: kg === null ? -10 : plot.valToPos(kg, "y") });
    }
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", box.dataset.label);
    box.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 7, PageDown: now + 7, Home: 0, End: stops.length - 1 };
      if (!stops.length || !(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      stop(steps[event.key]);
      point();
    });
    function draw() {
      if (plot) plot.destroy();
      box.classList.add("is-live");
      plot = new uPlot(options(data, box, nearest), broken(data), box);
    }
    if (window.uPlot && data.t.length) draw();
    living.set(box, draw);
  }
  function look() {
    for (const box of living.keys()) if (!box.isConnected) living.delete(box);
    for (const box of document.querySelectorAll("[data-plot]")) if (!living.has(box)) live(box);
  }
  const redraw = () => { for (const [box, draw] of living) if (box.classList.contains("is-live") && box.clientWidth) draw(); };
  let resized = 0;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(redraw, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("htmx:afterSettle", look);
  document.addEventListener("vigie:replaced", look);
  look();

  // Without a clipboard (plain http elsewhere than on this machine) the link leads to the text itself.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-copy]");
    if (!link || !navigator.clipboard || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const answer = await fetch(link.href).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) { location.href = link.href; return; }
    await navigator.clipboard.writeText(await answer.text()).then(
      () => { document.getElementById("copied").textContent = link.dataset.copy; },
      () => { location.href = link.href; },
    );
  });
})();
