// How is the worklist worked through with the keyboard? j, k, Enter, m, /, r, ?, Esc; all of it is also a link or a button.
"use strict";
(() => {
  const list = () => document.getElementById("worklist");
  const drawer = () => document.getElementById("drawer");
  const patients = () => [...list().querySelectorAll(".row-card .who")];
  const help = document.getElementById("keys");
  if (!list()) return;
  let came = null; // the patient whose row the hand was on: its place is found again after the list was drawn anew
  let place = 0;

  function rowOf(element) { return element && element.closest(".row-card"); }
  function remember(row) {
    if (!row) return;
    came = row.dataset.patient;
    place = patients().indexOf(row.querySelector(".who"));
  }
  function here() {
    const row = rowOf(document.activeElement);
    if (row) return patients().indexOf(row.querySelector(".who"));
    const link = came && list().querySelector(`[data-patient="${CSS.escape(came)}"] .who`);
    return link ? patients().indexOf(link) : -1;
  }
  function go(index) {
    const all = patients();
    if (!all.length) return;
    const link = all[Math.min(Math.max(index, 0), all.length - 1)];
    link.focus();
    link.scrollIntoView({ block: "nearest" });
    remember(rowOf(link));
  }
  function typing(target) { return target.matches("input:not([type=hidden]):not([type=radio]), textarea, select, [contenteditable]"); }
  // 1 to 9 say how the first episode ended; the hand is then on "Save, next", so Enter keeps it.
  function choose(nth) {
    const chip = drawer().querySelector("details[open] .chips")?.querySelectorAll("input")[nth - 1];
    if (!chip) return false;
    chip.checked = true;
    chip.form.querySelector("button[value=next]").focus();
    return true;
  }

  const keys = {
    j: () => go(here() + 1),
    k: () => go(here() < 0 ? 0 : here() - 1),
    m: () => { const row = rowOf(document.activeElement) || patients()[here()]?.closest(".row-card"); if (row) { remember(row); row.querySelector(".mark").click(); } },
    "/": () => document.getElementById("q").focus(),
    r: () => { document.activeElement.blur(); document.getElementById("news").click(); },
    "?": () => { help.open = true; help.querySelector("summary").focus(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (help.open && help.contains(document.activeElement)) { help.open = false; go(here()); return; }
      const close = drawer().querySelector(".drawer-close");
      if (close) { event.preventDefault(); close.click(); } else if (typing(event.target)) { document.getElementById("found").replaceChildren(); go(here()); }
      return;
    }
    if (typing(event.target)) return;
    if (/^[1-9]$/.test(event.key) && choose(Number(event.key))) { event.preventDefault(); return; }
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.addEventListener("click", (event) => remember(rowOf(event.target)));

  // The drawer is shut here, not by asking for the page again; its address goes back to the list's.
  document.addEventListener("click", (event) => {
    const close = event.target.closest(".drawer-close");
    if (!close) return;
    event.preventDefault();
    if (!came) came = drawer().dataset.patient;
    const shut = document.createElement("aside");
    shut.id = "drawer";
    shut.className = "drawer";
    shut.hidden = true;
    drawer().replaceWith(shut);
    history.replaceState(null, "", "/");
    go(here());
  });
  // A row's button belongs to a form that stands elsewhere, where htmx does not see which one was pressed.
  document.addEventListener("htmx:configRequest", (event) => {
    const pressed = event.detail.triggeringEvent?.submitter;
    if (pressed?.name) event.detail.formData.set(pressed.name, pressed.value);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "drawer" || drawer() === event.detail.elt) document.getElementById("drawer-title")?.focus();
    if (event.detail.elt.id === "worklist" && came) go(list().querySelector(`[data-patient="${CSS.escape(came)}"]`) ? here() : place);
  });
  document.addEventListener("htmx:responseError", () => location.reload());
  document.addEventListener("htmx:sendError", () => { document.getElementById("offline").hidden = false; });
  if (!drawer().hidden) { came = drawer().dataset.patient || null; document.getElementById("drawer-title").focus(); }
})();
