/**
 * A menu (`details.menu`) closes with Escape, with a click elsewhere, and when the focus leaves it.
 * @param {Document} root
 */
export function closingMenus(root) {
  root.addEventListener("click", (event) => {
    for (const menu of open(root)) {
      if (!(event.target instanceof Node && menu.contains(event.target))) menu.open = false;
    }
  });
  root.addEventListener("focusin", ({ target }) => {
    for (const menu of open(root)) {
      // A press on words in the menu gives the focus to what is around the menu.
      if (!(target instanceof Node && (menu.contains(target) || target.contains(menu)))) menu.open = false;
    }
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open(root)) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
      event.preventDefault(); // one step at a time, for whoever else listens to Escape
    }
  });
}

/**
 * @param {Document} root
 * @returns {NodeListOf<HTMLDetailsElement>}
 */
function open(root) {
  return root.querySelectorAll("details.menu[open]");
}
