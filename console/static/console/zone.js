// Writes each full time of a list in the reader's own time zone, and names it. Without this file it stays in UTC.
const full = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

for (const time of document.querySelectorAll("time[data-zoned]")) time.textContent = full.format(new Date(time.dateTime));
