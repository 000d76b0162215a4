import { h, replace } from "./dom.js";
import { get, setToken } from "./api.js";

/** Shows the way in; `enter` is called once a token has worked. */
export function showLogin(main, enter, why = "") {
  const error = h("p", { class: "error", role: "alert" }, why);
  const input = h("input", {
    id: "token",
    type: "password",
    name: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-help",
  });
  const button = h("button", { type: "submit" }, "Enter");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    setToken(input.value.trim());
    try {
      await get("/summary");
      enter();
    } catch (failure) {
      error.textContent = failure.message;
      button.disabled = false;
      input.select();
    }
  };
  replace(
    main,
    h(
      "form",
      { class: "login panel", onsubmit: submit },
      h("h2", {}, "Who goes there?"),
      h("label", { for: "token" }, "API token"),
      input,
      h(
        "p",
        { id: "token-help", class: "hint" },
        "The platform printed the first one when it started for the first time. It stays in this tab only.",
      ),
      error,
      button,
    ),
  );
  input.focus();
}
