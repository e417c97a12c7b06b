// Suggestions below the search box: a combobox with a list, after the ARIA Authoring Practices.

const WAIT = 120; // milliseconds of quiet before the index is asked
const LEAST = 2; // characters

export function suggest(input, list) {
  let options = [];
  let active = -1;
  let timer;
  let asked; // aborts the question that is on its way

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  close();

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) ask();
      else move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      take(options[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  input.addEventListener("blur", close);
  // The list would be closed by the blur before the click arrives.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target.closest("[role=option]");
    if (item) take(options[[...list.children].indexOf(item)]);
  });

  // What is typed as a name: all of it, or else its last word.
  async function ask() {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    const text = input.value;
    const whole = text.trimStart();
    const last = /[^\s"]*$/.exec(text)[0];
    try {
      for (const prefix of new Set([whole, last])) {
        if (prefix.length < LEAST) continue;
        const answer = await fetch(`/api/suggest?q=${encodeURIComponent(prefix)}`, {
          signal: asked.signal,
        });
        if (!answer.ok) return close();
        const found = await answer.json();
        if (found.length) return show(found, text.slice(0, text.length - prefix.length));
      }
      close();
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  }

  function show(found, before) {
    if (document.activeElement !== input) return;
    options = found.map(({ value }) => ({ value, before }));
    list.replaceChildren(
      ...found.map(({ value, count }, place) => {
        const item = document.createElement("li");
        item.id = `suggestion-${place}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const name = document.createElement("span");
        name.textContent = value;
        const number = document.createElement("span");
        number.className = "count";
        number.textContent = count.toLocaleString("en");
        item.append(name, " ", number);
        return item;
      }),
    );
    active = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  }

  function move(step) {
    const count = options.length;
    active = active < 0 ? (step > 0 ? 0 : count - 1) : (active + step + count) % count;
    [...list.children].forEach((item, place) => {
      item.setAttribute("aria-selected", String(place === active));
    });
    list.children[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[active].id);
  }

  function take({ value, before }) {
    const name = /\s/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
    input.value = before.replace(/"$/, "") + name;
    close();
    input.form.requestSubmit();
  }

  function close() {
    clearTimeout(timer);
    asked?.abort();
    active = -1;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
}
