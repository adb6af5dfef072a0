package screen

import "fmt"

// Overflowing is a script that lists what is wider than the window, but for what has an ancestor that a selector names:
// that scrolls by itself.
func Overflowing(scrolls string) string {
	return fmt.Sprintf(`(() => {
		const room = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= room) return [];
		return [...document.querySelectorAll("body *")]
			.filter(e => e.getBoundingClientRect().right > room + 1 && !e.closest(%q))
			.slice(0, 5).map(e => e.tagName + "." + e.getAttribute("class") + "#" + e.id + " ends at "
				+ Math.round(e.getBoundingClientRect().right) + " of " + room);
	})()`, scrolls)
}

// Pale is a script that lists texts with less contrast than 4.5 to their ground (WCAG 2.2, 1.4.3), but for those with
// an ancestor that a selector names.
func Pale(but string) string {
	return fmt.Sprintf(`(() => {
		const rgb = c => { const m = c.match(/[\d.]+/g).map(Number);
			return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
		const light = c => { const [r, g, b] = c.map(
			x => (x /= 255) <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
			return .2126 * r + .7152 * g + .0722 * b; };
		const bad = new Set();
		for (const e of document.querySelectorAll("body *")) {
			if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
				|| e.closest(%q) || !e.getClientRects().length) continue;
			const style = getComputedStyle(e), ink = rgb(e instanceof SVGElement ? style.fill : style.color);
			let ground = null;
			for (let p = e; p && !ground; p = p.parentElement) ground = rgb(getComputedStyle(p).backgroundColor);
			const [a, b] = [light(ink), light(ground || [255, 255, 255])].sort((x, y) => y - x);
			const ratio = (a + .05) / (b + .05);
			if (ratio < 4.5) bad.add(e.tagName + "." + e.getAttribute("class") + "#" + e.id + " "
				+ ratio.toFixed(2) + " " + e.textContent.trim().slice(0, 30));
		}
		return [...bad].slice(0, 8);
	})()`, but)
}
