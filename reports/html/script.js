
"use strict";
// The page is whole without this: it shows the exact numbers below the pointer, and unfolds everything for paper.
(() => {
  const tip = document.getElementById("tip");
  const svg = "http://www.w3.org/2000/svg";
  const line = (text, value, cls) => {
    const row = document.createElement("div");
    if (cls) {
      const s = document.createElementNS(svg, "svg");
      s.setAttribute("width", "10");
      s.setAttribute("height", "10");
      const r = document.createElementNS(svg, "rect");
      r.setAttribute("width", "10");
      r.setAttribute("height", "10");
      r.setAttribute("class", cls);
      s.append(r);
      row.append(s);
    }
    row.append(text);
    if (value !== undefined) {
      const b = document.createElement("b");
      b.textContent = value;
      row.append(b);
    }
    return row;
  };
  const time = (ms, width) => width < 100 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(width < 1000 ? 1 : 0) + " s";
  for (const chart of document.querySelectorAll("[data-chart]")) {
    const data = JSON.parse(chart.dataset.chart);
    const n = data.counts[0].length;
    const cursor = document.createElement("i");
    cursor.className = "cursor";
    cursor.hidden = true;
    chart.append(cursor);
    let column = 0;
    const show = (c) => {
      column = Math.min(Math.max(c, 0), n - 1);
      const from = data.from + column * data.width;
      const rows = [line(time(from, data.width) + " – " + time(from + data.width, data.width))];
      for (let k = data.names.length - 1; k >= 0; k--) {
        if (data.counts[k][column] > 0) rows.push(line(data.names[k], data.counts[k][column].toLocaleString("en"), data.classes[k]));
      }
      if (rows.length === 1) rows.push(line("no request"));
      tip.replaceChildren(...rows);
      tip.hidden = cursor.hidden = false;
      const box = chart.getBoundingClientRect();
      const x = (column + 0.5) / n * box.width;
      cursor.style.left = x + "px";
      const left = Math.min(Math.max(box.left + x + 12, 8), document.documentElement.clientWidth - tip.offsetWidth - 8);
      tip.style.left = left + window.scrollX + "px";
      tip.style.top = box.top + window.scrollY + 8 + "px";
    };
    const hide = () => { tip.hidden = cursor.hidden = true; };
    chart.addEventListener("pointermove", (e) => {
      const box = chart.getBoundingClientRect();
      show(Math.floor((e.clientX - box.left) / box.width * n));
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -Math.ceil(n / 20), PageDown: Math.ceil(n / 20) }[e.key];
      if (step) {
        show(column + step);
        e.preventDefault();
      }
    });
  }
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details")) d.open = true;
  });
})();
