// Brings the page up to date without reloading it: every few seconds while somebody looks at it and has begun nothing.
const PERIOD_MS = 5000;

function changed(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  return field.value !== (field.querySelector("option[selected]") ?? field.options[0]).value;
}

function begun(main) {
  return (
    main.contains(document.activeElement) ||
    main.querySelector("details[open]") !== null ||
    [...main.querySelectorAll("input, textarea, select")].some(changed)
  );
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "follow" });
  const present = document.getElementById("main");
  if (answer.status >= 500) return; // it will be back; what is shown stays
  if (!answer.ok || answer.redirected) return begun(present) ? undefined : location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  if (fresh && fresh.innerHTML !== present.innerHTML && !begun(present)) {
    present.replaceChildren(...fresh.childNodes);
  }
}

setInterval(() => refresh().catch(() => {}), PERIOD_MS);
