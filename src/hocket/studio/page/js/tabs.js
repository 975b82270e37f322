/** Tabs as the ARIA practices describe them: arrow keys move, the address remembers. */

/** Wires a tablist; `onShow` hears the id of the panel that is shown. */
export function tabs(list, onShow) {
  const all = [...list.querySelectorAll("[role=tab]")];
  const show = (tab, { focus = false } = {}) => {
    for (const other of all) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
    history.replaceState(null, "", `#${tab.id.replace("tab-", "")}`);
    onShow(tab.getAttribute("aria-controls"));
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) show(tab);
  });
  list.addEventListener("keydown", (event) => {
    const here = all.indexOf(document.activeElement);
    const there = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (there === undefined) return;
    event.preventDefault();
    show(all[(there + all.length) % all.length], { focus: true });
  });
  const named = all.find((tab) => `#${tab.id.replace("tab-", "")}` === location.hash);
  show(named || all[0]);
}
