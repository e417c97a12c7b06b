// The bell: how many alerts there are since this browser last looked at them.

const SEEN = "newsloom-alerts-seen";
const EVERY = 60_000; // milliseconds
const MOST = 100;

export function bell(link) {
  if (location.pathname === "/alerts") {
    const newest = document.querySelector("[data-alerted]");
    if (newest) store(newest.dataset.alerted);
    return;
  }
  look();
  setInterval(() => document.hidden || look(), EVERY);

  async function look() {
    let alerts;
    try {
      const answer = await fetch(`/api/alerts/recent?size=${MOST}`);
      if (!answer.ok) return;
      alerts = await answer.json();
    } catch {
      return; // there will be a next time
    }
    const seen = Date.parse(stored() ?? "") || 0;
    const count = alerts.filter((alert) => Date.parse(alert.alerted_at) > seen).length;
    const number = link.querySelector(".count");
    number.hidden = !count;
    number.textContent = count ? `${count}${count === MOST ? "+" : ""} new` : "";
  }
}

function stored() {
  try {
    return localStorage.getItem(SEEN);
  } catch {
    return null;
  }
}

function store(value) {
  try {
    localStorage.setItem(SEEN, value);
  } catch {
    // Then all alerts are new each time.
  }
}
