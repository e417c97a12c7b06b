// Keys of one letter, which a reader can switch off, and the help that lists them.

const OFF = "newsloom-keys-off";

export function keys() {
  const input = document.querySelector("#q");
  const help = document.querySelector("#help");
  const opener = document.querySelector("#help-open");
  const on = document.querySelector("#keys-on");

  opener.hidden = false;
  opener.addEventListener("click", () => help.showModal());
  on.checked = stored() !== "1";
  on.addEventListener("change", () => store(on.checked ? "" : "1"));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === "Escape" && document.activeElement !== document.body) {
      document.activeElement.blur();
      return;
    }
    if (!on.checked || event.target.closest("input, textarea, select, [contenteditable]")) return;
    const act = {
      "/": () => (input.focus(), input.select()),
      "?": () => help.showModal(),
      j: () => step(1),
      k: () => step(-1),
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

// The next or previous article of the list; Enter opens it, being on its link.
function step(by) {
  const titles = [...document.querySelectorAll(".results .title")];
  const now = document.activeElement.closest(".results > li");
  const place = titles.findIndex((title) => now?.contains(title));
  const next = titles[Math.min(Math.max(place < 0 ? 0 : place + by, 0), titles.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// A browser that keeps nothing for us refuses even to be asked.
function stored() {
  try {
    return localStorage.getItem(OFF);
  } catch {
    return null;
  }
}

function store(value) {
  try {
    localStorage.setItem(OFF, value);
  } catch {
    // Then it holds for this page alone.
  }
}
