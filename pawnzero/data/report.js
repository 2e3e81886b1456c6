"use strict";
// Steps through the games of a report: buttons, a click on a move, and the arrow keys of the game used last.
(function () {
  const SVG = "http://www.w3.org/2000/svg";

  function setUp(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const squares = box.querySelectorAll(".board rect");
    const men = box.querySelector(".board .men");
    const back = box.querySelectorAll("[data-to=start], [data-to=back]");
    const next = box.querySelectorAll("[data-to=next], [data-to=end]");
    const moves = box.querySelectorAll(".moves button");
    const columns = Number(box.dataset.columns);
    const size = Number(squares[0].getAttribute("width"));
    const last = data.positions.length - 1;
    let ply = 0;

    function man(symbol, index) {
      const known = document.getElementById("man-" + symbol);
      const half = known ? 0 : size / 2;
      const element = document.createElementNS(SVG, known ? "use" : "text");
      if (known) element.setAttribute("href", "#man-" + symbol);
      else element.textContent = symbol;
      element.setAttribute("x", (index % columns) * size + half);
      element.setAttribute("y", Math.floor(index / columns) * size + half);
      return element;
    }

    function outlook() {
      const shares = data.outlook[ply];
      const told = box.querySelector(".expects");
      if (!told) return;
      box.querySelector(".outlook").style.visibility = shares ? "visible" : "hidden";
      box.querySelectorAll(".outlook i").forEach((part, index) => {
        part.style.width = shares ? 100 * shares[index] + "%" : "0";
      });
      const [win, draw, loss] = (shares || []).map((share) => Math.round(100 * share) + " %");
      told.textContent = shares ? `The search expects: first side wins ${win}, draw ${draw}, second side wins ${loss}` : "";
    }

    function show(wanted) {
      ply = Math.max(0, Math.min(last, wanted));
      const now = data.positions[ply].split(" ");
      const before = ply ? data.positions[ply - 1].split(" ") : now;
      men.replaceChildren(...now.map((symbol, index) => (symbol === "." ? null : man(symbol, index))).filter(Boolean));
      squares.forEach((square, index) => square.classList.toggle("moved", now[index] !== before[index]));
      back.forEach((button) => (button.disabled = ply === 0));
      next.forEach((button) => (button.disabled = ply === last));
      box.querySelector("output").textContent = `ply ${ply} of ${last}`;
      moves.forEach((button, index) => button.toggleAttribute("aria-current", index === ply - 1));
      const current = moves[ply - 1];
      if (current) {
        const list = current.closest(".moves");
        const top = current.parentElement.offsetTop;
        if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 32) list.scrollTop = top - list.clientHeight / 2;
      }
      outlook();
    }

    const goes = { start: () => show(0), back: () => show(ply - 1), next: () => show(ply + 1), end: () => show(last) };
    box.querySelectorAll("[data-to]").forEach((button) => button.addEventListener("click", goes[button.dataset.to]));
    moves.forEach((button, index) => button.addEventListener("click", () => show(index + 1)));
    show(data.given);
    return goes;
  }

  const keys = { ArrowLeft: "back", ArrowRight: "next", Home: "start", End: "end" };
  const games = new Map(Array.from(document.querySelectorAll(".game"), (box) => [box, setUp(box)]));
  let used = games.keys().next().value;
  for (const box of games.keys()) {
    for (const event of ["pointerdown", "focusin", "pointerenter"]) box.addEventListener(event, () => (used = box));
  }
  document.addEventListener("keydown", (event) => {
    const plain = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
    if (!plain || !used || !keys[event.key]) return;
    const place = used.getBoundingClientRect();
    if (place.bottom < 0 || place.top > window.innerHeight) return;
    event.preventDefault();
    games.get(used)[keys[event.key]]();
  });
})();
