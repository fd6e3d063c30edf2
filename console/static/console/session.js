// Shows the banner a quarter of an hour before the session ends, also on a page that stands open, and extends without leaving it.
const banner = document.getElementById("session-banner");
const OFFERED = 15 * 60 * 1000;
// The browser's timers hold no more than 24.8 days.
const TIMER_MAX = 2 ** 31 - 1;

function show(ends) {
  banner.dataset.ends = ends;
  const left = new Date(ends) - Date.now();
  banner.hidden = left > OFFERED;
  if (banner.hidden) setTimeout(() => show(banner.dataset.ends), Math.min(left - OFFERED, TIMER_MAX));
}

async function extend(event) {
  event.preventDefault();
  const said = document.getElementById("session-said");
  const token = event.target.elements.csrfmiddlewaretoken.value;
  try {
    const headers = { "X-CSRFToken": token, "Content-Type": "application/json" };
    const answer = await fetch("/api/v1/me/session", { method: "POST", headers, body: "{}" });
    const body = await answer.json();
    if (answer.ok) {
      document.getElementById("session-ends").textContent = new Date(body.expires_at).toLocaleString();
      show(body.expires_at);
    } else said.textContent = body.detail;
  } catch {
    said.textContent = "The server did not answer. Try again.";
  }
}

if (banner) {
  show(banner.dataset.ends);
  document.getElementById("session-extend").addEventListener("submit", extend);
}
