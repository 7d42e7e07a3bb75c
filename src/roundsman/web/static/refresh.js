// Brings the page up to date without reloading it: every few seconds while somebody looks at it.
const PERIOD_MS = 5000;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "follow" });
  if (!answer.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  const present = document.getElementById("main");
  if (fresh && fresh.innerHTML !== present.innerHTML && !present.contains(document.activeElement)) {
    present.replaceChildren(...fresh.childNodes);
  }
}

setInterval(() => refresh().catch(() => {}), PERIOD_MS);
