/**
 * Opens a menu for a key: when it closes, the focus goes back to where the key was pressed.
 * @param {HTMLDetailsElement} menu
 * @param {HTMLElement} grid where that is, when it was nowhere
 */
export function openByKey(menu, grid) {
  if (menu.open) return;
  const { activeElement } = document;
  const from = activeElement instanceof HTMLElement && activeElement !== document.body ? activeElement : grid;
  menu.open = true;
  const toggled = () => {
    if (menu.open) return;
    menu.removeEventListener("toggle", toggled);
    // Whoever went on to something else stays there.
    if (menu.contains(document.activeElement) || document.activeElement === document.body) from.focus({ preventScroll: true });
  };
  menu.addEventListener("toggle", toggled);
}
