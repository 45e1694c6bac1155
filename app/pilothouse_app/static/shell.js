// What Streamlit's page leaves to the browser: one history entry a page, tables by keyboard, the name
// of the person who acts, and a page that comes back after an error in the browser.
(() => {
  "use strict";

  // Streamlit writes the parameters of the next page into the address of this page first, and
  // every filter as an entry of its own: Back then has to be pressed twice. An entry is added when
  // another page opens, or another object on the same page; anything else replaces the entry.
  const OBJECT = ["id", "ref", "name", "runs", "rule", "schedule"];
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let pending = null; // the last change of parameters alone: from where, to which, whether added

  const objectOf = (url) => OBJECT.map((name) => url.searchParams.get(name) ?? "").join("\n");

  history.pushState = (state, title, address) => {
    const before = new URL(location.href);
    const after = new URL(address ?? "", before);
    if (after.pathname === before.pathname) {
      const added = objectOf(after) !== objectOf(before);
      pending = { from: before.href, search: after.search, added };
      (added ? push : replace)(state, title, address);
      return;
    }
    if (pending && pending.search === after.search && pending.search === before.search) {
      if (pending.added) {
        replace(state, title, address);
      } else {
        replace(state, title, pending.from);
        push(state, title, address);
      }
    } else {
      push(state, title, address);
    }
    pending = null;
  };
  const settle = () => { pending = null; };
  addEventListener("popstate", settle);
  addEventListener("pointerdown", settle, true);
  addEventListener("keydown", settle, true);

  // The name that a person has chosen comes in the page, and is kept as a cookie for a year, so that
  // it is chosen once per browser. It is no secret and proves nothing.
  const chosen = document.getElementsByClassName("pilothouse-person");
  let current = null;
  new MutationObserver(() => {
    const name = chosen.length ? chosen[0].dataset.name : null;
    if (name === null || name === current) return;
    current = name;
    document.cookie = `pilothouse_person=${name}; path=/; max-age=31536000; samesite=lax`;
  }).observe(document, { childList: true, subtree: true });

  // An error that no part of the page catches ends all of it: React removes everything, and the
  // window stays white. The address says what was open, so that loading it again brings it back; an
  // error that returns at once is left, since loading would not end.
  const AGAIN_MS = 10_000, LOADED = "pilothouse_loaded_again";
  addEventListener("DOMContentLoaded", () => {
    const root = document.getElementById("root");
    if (!root) return;
    new MutationObserver(() => {
      if (root.childElementCount) return;
      if (Date.now() - Number(sessionStorage.getItem(LOADED) ?? 0) < AGAIN_MS) return;
      sessionStorage.setItem(LOADED, String(Date.now()));
      location.reload();
    }).observe(root, { childList: true });
  });

  // A table is drawn on a canvas and its arrow keys move a cell; Enter presses the name of the row
  // the cell is in, as a click would.
  const ROW = 30, HEAD = 30, NAME = 70;
  addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    const frame = event.target.closest?.("[data-testid=stDataFrame]");
    const cell = frame?.querySelector("canvas [role=gridcell][aria-selected=true]");
    const canvas = frame?.querySelector("canvas");
    if (!cell || !canvas.contains(event.target)) return;
    const row = Number(cell.id.split("-").pop());
    const area = canvas.getBoundingClientRect();
    const scrolled = frame.querySelector(".dvn-scroller")?.scrollTop ?? 0;
    const at = {
      bubbles: true, cancelable: true, composed: true, view: window, button: 0,
      clientX: area.left + NAME, clientY: area.top + HEAD + ROW * row + ROW / 2 - scrolled,
      pointerType: "mouse", isPrimary: true,
    };
    event.preventDefault();
    event.stopPropagation();
    for (const [kind, Kind] of [
      ["pointermove", PointerEvent], ["mousemove", MouseEvent],
      ["pointerdown", PointerEvent], ["mousedown", MouseEvent],
      ["pointerup", PointerEvent], ["mouseup", MouseEvent], ["click", MouseEvent],
    ]) {
      canvas.dispatchEvent(new Kind(kind, { ...at, buttons: kind.endsWith("down") ? 1 : 0 }));
    }
  }, true);
})();
