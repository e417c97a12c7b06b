// Articles as they arrive. What is in them is only ever put in as text.

const MOST = 200; // articles on the page, and in wait while it is paused

const SIGNS = { positive: "▲", neutral: "•", negative: "▼" };

const live = document.querySelector("#live");
const list = document.querySelector("#arrivals");
const template = document.querySelector("#arrival");
const state = document.querySelector("#live-state");
const button = document.querySelector("#pause");
const days = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
});

document.querySelector("#without-script").hidden = true;

let paused = false;
let connected = false;
let waiting = [];
let arrived = 0;

const stream = new EventSource(live.dataset.stream);
stream.addEventListener("open", () => tell((connected = true)));
stream.addEventListener("error", () => tell((connected = false)));
stream.addEventListener("message", (event) => receive(JSON.parse(event.data)));
addEventListener("pagehide", () => stream.close());

button.hidden = false;
button.addEventListener("click", () => {
  paused = !paused;
  if (!paused) {
    waiting.forEach(show);
    waiting = [];
  }
  tell();
});
tell();

function receive(article) {
  arrived += 1;
  if (paused) waiting = [...waiting, article].slice(-MOST);
  else show(article);
  tell();
}

function tell() {
  button.textContent = paused ? `Resume${waiting.length ? ` (${waiting.length})` : ""}` : "Pause";
  button.setAttribute("aria-pressed", String(paused));
  const count = `${arrived.toLocaleString("en")} ${arrived === 1 ? "article" : "articles"} since this page was opened.`;
  if (!connected && stream.readyState === EventSource.CLOSED) {
    state.textContent = "The server refuses the stream. Load this page again to try again.";
  } else if (!connected) {
    state.textContent = "Connecting… nothing is missed: it goes on where it was.";
  } else if (paused) {
    state.textContent = `Paused. ${count}`;
  } else {
    state.textContent = arrived ? count : "Waiting for articles. New ones appear here at the top.";
  }
}

function show(article) {
  // A correction takes the place of what it corrects, a withdrawal takes it away.
  [...list.children].filter((item) => item.dataset.id === article.id).forEach((item) => item.remove());
  if (article.withdrawn) return;
  const item = template.content.cloneNode(true).firstElementChild;
  const part = (name) => item.querySelector(name);
  item.dataset.id = article.id;
  item.className = "arrived";
  part(".title").textContent = article.title || shortened(article.text, 110);
  part(".title").href = `/articles/${encodeURIComponent(article.id)}`;
  part(".source").textContent = article.source;
  const time = part("time");
  if (article.published_at) {
    time.dateTime = article.published_at;
    time.textContent = shownMoment(new Date(article.published_at));
  } else {
    time.textContent = "undated";
  }
  if (article.sentiment) {
    const { label, score } = article.sentiment;
    part(".mood").classList.add(label);
    part(".sign").textContent = SIGNS[label];
    part(".label").textContent = label;
    const digits = Math.abs(score).toFixed(2);
    const sign = score < 0 ? "−" : "+";
    part(".number").textContent = digits === "0.00" ? digits : sign + digits;
  } else {
    part(".mood").remove();
  }
  if (!article.symbols.length) part(".symbols").remove();
  part(".symbols")?.replaceChildren(
    ...article.symbols.flatMap((symbol) => {
      const link = document.createElement("a");
      link.className = "symbol";
      link.href = `/tickers/${encodeURIComponent(symbol)}`;
      link.textContent = symbol;
      return [link, " "];
    }),
  );
  part(".passage").textContent = shortened(article.title ? article.summary || article.text : article.text, 280);
  list.prepend(item);
  while (list.children.length > MOST) list.lastElementChild.remove();
}

// As the server writes it: 17 Jul 2025, 14:30; without a time of day where it is midnight.
function shownMoment(moment) {
  const [, time] = /T(\d\d:\d\d):/.exec(moment.toISOString());
  const atMidnight = moment.getTime() % 86_400_000 === 0;
  return days.format(moment) + (atMidnight ? "" : `, ${time}`);
}

function shortened(text, most) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most).replace(/\s\S*$/, "")}…`;
}
