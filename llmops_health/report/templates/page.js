(() => {
  "use strict";
  for (const pre of document.querySelectorAll(".query pre")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy query";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy query"; }, 2000);
    });
    pre.before(button);
  }
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (const inner of target.querySelectorAll(":scope > details.all")) inner.open = true;
    for (let at = target.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
  const age = document.getElementById("age");
  if (age) {
    const days = Math.floor((Date.now() - Date.parse(age.dataset.day + "T00:00:00Z")) / 864e5);
    if (days > 2) {
      age.textContent = `The newest judged day is ${days} days ago. If data still come in, the nightly run has stopped.`;
      age.hidden = false;
    }
  }
})();
