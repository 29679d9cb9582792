/**
 * A form with `data-confirm` asks first, in a dialog of the page. Without a script it is sent at once, and whatever cannot be
 * undone asks the server's way: by a name to type.
 * @param {Document} root
 */
export function confirmations(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    ask(root, form.dataset.confirm, form.dataset.confirmVerb ?? "Go on").then((yes) => {
      if (!yes) return;
      form.dataset.confirmed = "true";
      form.requestSubmit();
    });
  });
}

/**
 * @param {Document} root
 * @param {string} question
 * @param {string} verb what the button that agrees says
 * @returns {Promise<boolean>}
 */
export function ask(root, question, verb) {
  const dialog = root.createElement("dialog");
  dialog.className = "dialog";
  const text = root.createElement("p");
  text.id = "dialog-question";
  text.textContent = question;
  dialog.setAttribute("aria-labelledby", text.id);
  const form = root.createElement("form");
  form.method = "dialog";
  form.className = "actions";
  form.append(button(root, "no", "Cancel", "button"), button(root, "yes", verb, "button danger"));
  dialog.append(text, form);
  root.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/**
 * @param {Document} root
 * @param {string} value
 * @param {string} label
 * @param {string} className
 */
function button(root, value, label, className) {
  const made = root.createElement("button");
  made.value = value;
  made.textContent = label;
  made.className = className;
  return made;
}
