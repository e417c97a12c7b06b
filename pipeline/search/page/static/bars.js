// Bars that can be brushed: by mouse, pen or touch, and by arrow keys. Each bar is a link by itself.

export function barKeys(svg) {
  const bars = [...svg.querySelectorAll("[data-since]")];
  const links = bars.filter((bar) => bar.matches("a"));
  const told = svg.parentElement.querySelector(".range");
  let from = -1; // where the range begins, by the number of its bar
  let to = -1;
  let dragged = false;
  if (!links.length) return;

  // One stop for the Tab key; arrows go on from there.
  links.forEach((link, place) => link.setAttribute("tabindex", place ? "-1" : "0"));
  links.forEach((link) => link.addEventListener("dragstart", (event) => event.preventDefault()));

  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    dragged = false;
    from = to = at(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (from < 0 || !event.buttons) return;
    const now = at(event);
    if (now !== from && !dragged) {
      dragged = true;
      svg.setPointerCapture(event.pointerId);
    }
    if (dragged) mark(from, now);
  });
  svg.addEventListener("pointerup", () => {
    if (dragged) go();
    else from = -1;
  });
  svg.addEventListener("pointercancel", clear);
  svg.addEventListener("click", (event) => {
    if (dragged) event.preventDefault();
  });

  svg.addEventListener("keydown", (event) => {
    const place = links.indexOf(event.target);
    if (place < 0) return;
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: links.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      const link = links[Math.min(Math.max(next, 0), links.length - 1)];
      links.forEach((other) => other.setAttribute("tabindex", other === link ? "0" : "-1"));
      link.focus();
      if (event.shiftKey) mark(from < 0 ? bars.indexOf(event.target) : from, bars.indexOf(link));
      else clear();
    } else if (event.key === "Enter" && from >= 0 && from !== to) {
      event.preventDefault();
      go();
    } else if (event.key === "Escape" && from >= 0) {
      event.stopPropagation();
      clear();
    }
  });

  function at(event) {
    const box = svg.getBoundingClientRect();
    const place = Math.floor(((event.clientX - box.left) / box.width) * bars.length);
    return Math.min(Math.max(place, 0), bars.length - 1);
  }

  function range() {
    return bars.slice(Math.min(from, to), Math.max(from, to) + 1);
  }

  function mark(first, last) {
    [from, to] = [first, last];
    const chosen = range();
    bars.forEach((bar) => bar.classList.toggle("chosen", chosen.includes(bar)));
    const count = chosen.reduce((sum, bar) => sum + Number(bar.dataset.count), 0);
    // Each bar may itself be of some days: "14 Jul 2025 – 20 Jul 2025".
    const begin = chosen[0].dataset.when.split(" – ")[0];
    const end = chosen.at(-1).dataset.when.split(" – ").at(-1);
    const when = begin === end ? begin : `${begin} – ${end}`;
    told.textContent = `${when}: ${count.toLocaleString("en")} ${count === 1 ? "article" : "articles"}`;
  }

  function clear() {
    from = to = -1;
    bars.forEach((bar) => bar.classList.remove("chosen"));
    told.textContent = "";
  }

  function go() {
    const chosen = range();
    const address = new URL(svg.dataset.base, location.href);
    address.searchParams.set("from", chosen[0].dataset.since);
    address.searchParams.set("to", chosen.at(-1).dataset.until);
    location.assign(address);
  }
}
