// How does an open screen stay true? Listens to /live, fetches the parts that changed, never under hand or pen.
"use strict";
(() => {
  const LIVE = { "X-Vigie-Live": "1" };
  const root = () => document.querySelector("[data-refresh]");
  const news = document.getElementById("news");
  const offline = document.getElementById("offline");
  const waiting = new Set();
  let timer = 0;
  let inHand = false;

  // ── what takes longer than a blink says so, where it will appear ──
  const slow = new WeakMap(); // the request and the timer that makes its target busy
  document.addEventListener("htmx:beforeRequest", ({ detail: { xhr, target } }) => {
    slow.set(xhr, setTimeout(() => {
      target.setAttribute("aria-busy", "true");
      const shape = document.getElementById(`${target.id}-waiting`);
      if (shape && target.hidden) {
        target.replaceChildren(shape.content.cloneNode(true));
        target.hidden = false;
      }
    }, 300));
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { xhr, target, successful } }) => {
    clearTimeout(slow.get(xhr));
    if (target.id === "drawer" && target.hasAttribute("aria-busy") && !successful) target.hidden = true;
    target.removeAttribute("aria-busy");
  });

  // ── drafts: what is typed in a note outlives a reload, an expired session and a refresh, in this tab only ──
  const keyOf = (area) => `vigie-draft-${document.body.dataset.user}-${area.dataset.draft}`;
  function restoreDrafts() {
    for (const area of document.querySelectorAll("textarea[data-draft]")) {
      // What the page shows as recorded was sent; everything else is still only here.
      const sent = sessionStorage.getItem(`${keyOf(area)}-sent`);
      if (sent && document.querySelector(`[data-request="${CSS.escape(sent)}"]`)) {
        sessionStorage.removeItem(keyOf(area));
        sessionStorage.removeItem(`${keyOf(area)}-sent`);
      }
      const kept = sessionStorage.getItem(keyOf(area));
      if (!area.value && kept) {
        area.value = kept;
        const folded = area.closest("details");
        if (folded) folded.open = true;
      }
    }
  }
  document.addEventListener("input", (event) => {
    if (event.target.matches("textarea[data-draft]")) sessionStorage.setItem(keyOf(event.target), event.target.value);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("action").endsWith("/sign-out")) sessionStorage.clear();
    for (const area of form.querySelectorAll("textarea[data-draft]")) {
      const request = form.querySelector("[name=request_id]");
      if (request) sessionStorage.setItem(`${keyOf(area)}-sent`, request.value);
    }
    if (!form.matches("[data-once]")) return;
    const buttons = form.querySelectorAll("button");
    const able = (is) => { for (const button of buttons) button.disabled = !is; };
    setTimeout(able, 0, false);
    setTimeout(able, 5000, true);
  });
  restoreDrafts();
  document.addEventListener("htmx:afterSettle", restoreDrafts);

  function forgetClosedDrafts() {
    const open = new Set([...document.querySelectorAll("textarea[data-draft]")].map(keyOf));
    for (const closed of document.querySelectorAll("article.is-closed")) {
      const key = `vigie-draft-${document.body.dataset.user}-${closed.id.replace("episode-", "")}`;
      if (!open.has(key)) sessionStorage.removeItem(key);
    }
  }
  forgetClosedDrafts();

  // ── the form last typed in outlives a session that ends; for the same person, in this tab, until it was answered ──
  const LOST = "vigie-form";
  const kept = JSON.parse(sessionStorage.getItem(LOST));
  function typedIn(form) {
    return [...form.elements].filter((field) => field.name && !field.matches("[type=hidden], [type=password], [type=file], [type=search], [data-draft], button"));
  }
  function alike(action) {
    return [...document.querySelectorAll("main form[method=post]")].filter((form) => form.getAttribute("action") === action);
  }
  function keep({ target }) {
    const form = target.closest("form") || target.form;
    const action = form && form.getAttribute("action");
    const nth = alike(action).indexOf(form);
    if (nth < 0 || !document.body.dataset.user) return;
    const fields = typedIn(form).map((field) => [field.name, field.value, field.matches("[type=radio], [type=checkbox]") ? field.checked : null]);
    sessionStorage.setItem(LOST, JSON.stringify({ user: document.body.dataset.user, action, nth, fields }));
  }
  function giveBack({ action, nth, fields }) {
    const form = alike(action)[nth];
    if (!form || !fields.length) return;
    for (const [name, value, checked] of fields) {
      const same = typedIn(form).filter((field) => field.name === name);
      if (checked === null && same.length === 1) same[0].value = value;
      for (const field of same) if (checked !== null && field.value === value) field.checked = checked;
    }
    for (let folded = form.closest("details"); folded; folded = folded.parentElement.closest("details")) folded.open = true;
    form.prepend(document.getElementById("given-back").content.cloneNode(true));
    form.scrollIntoView({ block: "center" });
  }
  if (!document.body.dataset.user) {
    if (kept) sessionStorage.setItem(LOST, JSON.stringify({ ...kept, ended: true }));
  } else {
    sessionStorage.removeItem(LOST);
    if (kept && kept.ended && kept.user === document.body.dataset.user) giveBack(kept);
  }
  for (const act of ["input", "submit"]) document.addEventListener(act, keep);

  if (!document.body.dataset.live) return;

  // ── refreshing ──
  function isWorklist() { return root() && root().id === "worklist"; }
  function busy() {
    const page = root();
    const focused = document.activeElement;
    if (isWorklist()) return inHand || (page.contains(focused) && focused !== page);
    return false;
  }
  function writing(part) {
    if (part.contains(document.activeElement) && document.activeElement.matches("textarea, select, input")) return true;
    if ([...part.querySelectorAll("textarea, input:not([type=hidden])")].some((field) => field.value !== field.defaultValue)) return true;
    return [...part.querySelectorAll("select")].some((field) => field.value !== "");
  }
  document.addEventListener("pointerover", (event) => { inHand = Boolean(event.target.closest(".rows, .more, .bulk, .done")); });
  document.addEventListener("pointerleave", () => { inHand = false; });

  async function fetchPage() {
    const answer = await fetch(root().dataset.refresh + location.search, { headers: { ...LIVE, "HX-Current-URL": location.href } });
    if (answer.status === 401) { location.href = answer.headers.get("HX-Redirect"); return null; }
    return answer.ok ? answer.text() : null;
  }
  function keepOpen(before, after) {
    const opened = [...before.querySelectorAll("details")].map((detail) => detail.open);
    [...after.querySelectorAll("details")].forEach((detail, index) => { if (opened[index] !== undefined) detail.open = opened[index]; });
  }
  function replace(part, next) {
    // A table's rows come and go; the rest of a part is alike as long as it offers the same things to press.
    const stops = (within) => [...within.querySelectorAll("a, button, summary")].filter((stop) => !stop.closest("tbody"));
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const place = stops(part).indexOf(focused);
    const alike = stops(part).length === stops(next).length;
    if (alike) keepOpen(part, next);
    part.replaceWith(next);
    htmx.process(next);
    document.dispatchEvent(new Event("vigie:replaced"));
    const again = alike && place >= 0 ? stops(next)[place]
      : focused && [...next.querySelectorAll("tbody a")].find((link) => link.href === focused.href);
    if (again) again.focus({ preventScroll: true });
  }
  function refreshPatient(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    let left = false;
    for (const id of ["head", "due", "weights", "checks", "episodes", "closed", "journal", "dry"]) {
      const part = document.getElementById(id);
      const next = fresh.getElementById(id);
      if (!part || !next) continue;
      // no button moves under hand
      const inUse = (id === "checks" && part.matches(":hover, :focus-within")) || (id === "episodes" && part.matches(":hover"));
      if (writing(part) || inUse) { left = left || inUse || id === "episodes"; continue; }
      replace(part, document.adoptNode(next));
    }
    return left;
  }
  async function refresh() {
    const text = await fetchPage().catch(() => null);
    if (text === null) return;
    if (isWorklist()) {
      if (busy()) return;
      const done = root().querySelector(".done"); // what can be undone can be until the next act
      root().innerHTML = text;
      if (done) root().querySelector("#review").after(done);
      settle();
    } else if (refreshPatient(text) && waiting.size) announce(); else settle();
  }
  function settle() {
    waiting.clear();
    news.hidden = true;
  }
  function announce() {
    const page = root();
    news.textContent = waiting.size === 1 ? page.dataset.busyOne : page.dataset.busyMany.replace("{n}", waiting.size);
    news.hidden = false;
  }
  function soon() {
    if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, 300);
  }
  function concerns(item) {
    const page = root();
    if (!page) return false;
    if (item.patient_id === "*") return true;
    if (!isWorklist()) return item.patient_id === page.dataset.patient;
    return item.kind === "episode" || page.querySelector(`[data-patient="${CSS.escape(item.patient_id)}"]`) !== null;
  }
  if (news) news.addEventListener("click", () => {
    if (!isWorklist()) { location.reload(); return; }
    inHand = false;
    document.activeElement.blur();
    refresh();
  });
  // Ages such as "2 minutes ago" grow old too, and what arrived between drawing and listening is caught up with.
  setInterval(() => { if (root() && !busy() && !document.hidden) refresh(); }, 60000);

  // ── listening ──
  let source = null;
  let lost = 0;
  function listen() {
    source = new EventSource(document.body.dataset.live);
    source.addEventListener("hello", () => {
      clearTimeout(lost);
      lost = 0;
      const away = !offline.hidden;
      offline.hidden = true;
      document.body.dataset.listening = "yes";
      if (away) soon();
    });
    source.addEventListener("news", (event) => {
      const item = JSON.parse(event.data);
      if (!concerns(item)) return;
      waiting.add(item.patient_id);
      if (busy()) announce(); else soon();
    });
    source.addEventListener("error", () => {
      document.body.dataset.listening = "";
      if (!lost) lost = setTimeout(() => { offline.hidden = false; }, 3000);
      if (source.readyState === EventSource.CLOSED) setTimeout(retry, 3000);
    });
  }
  // A stream that is refused outright is not tried again by the browser: perhaps the session has ended.
  async function retry() {
    if (root()) await fetchPage().catch(() => null);
    if (!document.hidden) listen();
  }
  // A browser opens six connections to one host at most: a tab that nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (!root()) return;
    source.close();
    document.body.dataset.listening = "";
    if (!document.hidden) { listen(); soon(); }
  });
  if (root()) listen();
})();
