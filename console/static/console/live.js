// Keeps marked lines fresh: each is drawn by the server, with the page and again here. Without this file a reload does the same.
const EVERY_MS = 4000;
const FOR_MS = 30 * 60 * 1000; // a forgotten window falls silent
const begun = Date.now();

async function freshen(line) {
  try {
    const answer = await fetch(line.dataset.live, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) return false; // signed out, or gone
    const text = await answer.text();
    // Replaced only if it says something else, so that a link under the keyboard's focus stays.
    if (text !== line.dataset.shown) line.innerHTML = text;
    line.dataset.shown = text;
    return true;
  } catch {
    return true; // the network is away for a moment
  }
}

for (const line of document.querySelectorAll("[data-live]")) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    if (Date.now() - begun > FOR_MS || !(await freshen(line))) clearInterval(timer);
  }, EVERY_MS);
}
