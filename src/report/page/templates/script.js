"use strict";
// Sorts and filters the tables of divergences. Without it they are whole, and in the order of the tables.
(() => {
  const number = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
  const text = (cell) => (cell ? cell.textContent.trim() : "");

  // Numbers before texts, by value; NULL and nothing last.
  const compare = (a, b) => {
    const rank = (t) => (t === "" || t === "NULL" ? 2 : number.test(t) ? 0 : 1);
    const by = rank(a) - rank(b);
    if (by !== 0) return by;
    if (rank(a) === 0 && Number(a) !== Number(b)) return Number(a) - Number(b);
    return a < b ? -1 : a > b ? 1 : 0;
  };

  const counted = (n) => n.toLocaleString("en-US");

  for (const table of document.querySelectorAll("table.divergences")) {
    const bodies = [...table.tBodies];
    const place = new Map(bodies.map((body, at) => [body, at]));
    const heads = [...table.querySelectorAll("th[data-sort]")];

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", next);
        const sign = next === "descending" ? -1 : 1;
        const key = new Map(bodies.map((body) => [body, text(body.rows[0].cells[column])]));
        const sorted = [...bodies].sort((a, b) =>
          (next === "none" ? 0 : sign * compare(key.get(a), key.get(b))) || place.get(a) - place.get(b));
        table.append(...sorted);
      });
    });

    const controls = table.parentElement.previousElementSibling;
    const chosen = (name) => {
      const control = controls.querySelector("." + name);
      return control ? control.value : "";
    };
    const texts = new Map(bodies.map((body) => [body, body.textContent.toLowerCase()]));
    const filter = () => {
      const find = chosen("find").toLowerCase();
      const kind = chosen("kind"), state = chosen("state"), column = chosen("column");
      let shown = 0;
      for (const body of bodies) {
        const is = (!kind || body.dataset.kind === kind) && (!state || body.dataset.state === state)
          && (!column || body.dataset.columns.split(" ").includes(column)) && texts.get(body).includes(find);
        body.hidden = !is;
        if (is) shown += 1;
      }
      controls.querySelector("[role=status]").textContent = `${counted(shown)} of ${counted(bodies.length)} rows shown`;
    };
    controls.addEventListener("input", filter);
    filter();
    controls.hidden = false;
  }
})();
