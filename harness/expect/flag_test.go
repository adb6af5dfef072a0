package expect

import "testing"

func TestFlag(t *testing.T) {
	holds(t, "flag", []judged{
		{"flag", Flag(503, "UH", 10), v1(1800, uh(200)), pass, ""},
		{"flag, one of two", Flag(503, "UF", 10), v1(1800, refused(200)), pass, ""},
		{"flag, both in any order", Flag(503, "URX, UF", 10), v1(1800, refused(200)), pass, ""},
		{"flag, one missing", Flag(503, "UF,UH", 10), v1(1800, refused(200)), fail, ""},
		{"flag of another status", Flag(502, "UH", 10), v1(1800, uh(200)), fail, ""},
		{"flag of the app", Flag(503, "-", 10), v1(1800, app(200)), pass, ""},
		{"flag, not a server error", Flag(404, "NR", 10), v1(1800, noRoute(200)), pass, ""},
		{"flag not known", Flag(503, "UH", 10), v1(1800, unlogged(200)), inconclusive, "no entry for 200 requests"},
		{"flag not known, no matter", Flag(503, "UH", 10), v1(1800, uh(199), unlogged(1)), pass, ""},
		{"flag not known and too many", Flag(503, "UH", 10), v1(1600, uh(400), unlogged(9)), fail, ""},
	})
}
