// Brings the page up to date without reloading it: every few seconds while somebody looks at it and has begun nothing.
const PERIOD_MS = 5000;

function begun(main) {
  const ticks = [...main.querySelectorAll("input[type=checkbox]")];
  return (
    main.contains(document.activeElement) ||
    main.querySelector("details[open]") !== null ||
    ticks.some((one) => one.checked !== one.defaultChecked)
  );
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "follow" });
  if (!answer.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  const present = document.getElementById("main");
  if (fresh && fresh.innerHTML !== present.innerHTML && !begun(present)) {
    present.replaceChildren(...fresh.childNodes);
  }
}

setInterval(() => refresh().catch(() => {}), PERIOD_MS);
