"use strict";
// The slides lie below each other. A key shows the next one or the one before; who scrolls goes on from where that led.
const slides = [...document.querySelectorAll(".slide")];
const steps = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, Enter: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  Home: -Infinity, End: Infinity,
};
const shown = () => {
  const far = slides.map(s => Math.abs(s.getBoundingClientRect().top));
  return far.indexOf(Math.min(...far));
};
addEventListener("keydown", e => {
  const step = steps[e.key];
  if (!step || e.ctrlKey || e.altKey || e.metaKey) return;
  const at = shown(), box = slides[at].getBoundingClientRect();
  // What is taller than the window is read first.
  if (e.key === "ArrowDown" && box.bottom > innerHeight + 8 || e.key === "ArrowUp" && box.top < -8) return;
  e.preventDefault();
  location.replace("#" + slides[Math.max(0, Math.min(slides.length - 1, at + (e.shiftKey ? -step : step)))].id);
});
