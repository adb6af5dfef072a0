package judge_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/trace"
)

// hostile plays TestHostileFolders, which takes minutes.
var hostile = flag.Bool("hostile", false, "read run folders of 100 MB that are made to hurt")

const (
	hostileSize = 100 << 20
	// hostileBundle is what a trace may have in a bundle of 100 MB, as far as a test has time for it.
	hostileBundle = 1 << 30
	// What reading such a folder may take: memory by the kernel's own account of a process, in kB, and time.
	mostMemory = 512 << 10
	mostTime   = 10 * time.Second
)

// A flood writes part i of a file, as often as there is room.
type flood struct {
	name, file string
	size       int
	begin      string
	part       func(i int) string
	end        string
	// bundled packs the folder, and framed the lines of its trace: a file of 100 MB may unpack to a multiple.
	bundled, framed bool
}

// pad makes a line as long as the shortest of a run, which is no reason to refuse it then.
func pad(line string) string {
	line = strings.TrimSuffix(line, "\n")
	return line + strings.Repeat(" ", max(125-len(line), 0)) + "\n"
}

func sample(i int, fields string) string {
	return fmt.Sprintf(`{"sample":{"cohort":"plain","seq":%d,"id":"r1-%d",%s}}`+"\n", i, i, fields)
}

// floods are files that would each take gigabytes or hours if they were taken for a run.
func floods(t *testing.T, head string) (all []flood) {
	const sent = `"sent":"2026-11-23T06:01:30Z","done":"2026-11-23T06:01:30Z"`
	add := func(name string, part func(i int) string) {
		all = append(all, flood{name: name, file: trace.PlainFile, size: hostileSize, begin: head, part: part})
	}
	lines := func(name string, part func(i int) string) { add(name, func(i int) string { return pad(part(i)) }) }
	same := func(name, part string) { add(name, func(int) string { return part }) }
	num := strconv.Itoa
	same("one line", strings.Repeat("a", 1<<16))
	same("nested line", `{"event":{"data":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}}\n")
	same("nested too deep", `{"event":{"data":`+strings.Repeat("[", 1<<16))
	same("empty samples", `{"sample":{}}`+"\n")
	same("empty entries", `{"log":{}}`+"\n")
	same("nothing of a sample", pad(`{"sample":{}}`+"\n"))
	same("nothing of an entry", pad(`{"log":{}}`+"\n"))
	same("empty events", `{"event":{}}`+"\n")
	same("empty health", `{"health":{}}`+"\n")
	same("empty pods", `{"pod":{}}`+"\n")
	lines("cohorts", func(i int) string {
		return `{"sample":{"cohort":"c` + num(i) + `","id":"r1-` + num(i) + `",` + sent + "}}\n"
	})
	lines("versions", func(i int) string { return sample(i, sent+`,"code":200,"version":"v`+num(i)+`"`) })
	lines("statuses", func(i int) string { return sample(i, sent+`,"code":`+num(i)) })
	lines("far apart", func(i int) string {
		at := began.Add(time.Duration(i%2*100-50) * time.Minute).Format(time.RFC3339)
		return sample(i, `"sent":"`+at+`","done":"`+at+`","code":200,"version":"v`+num(i/2)+`"`)
	})
	lines("flags", func(i int) string {
		id := `"id":"r1-` + num(i) + `"`
		return `{"log":{` + id + `,"proxy":"c","flags":["F` + num(i) + `"],"code":503}}` + "\n" +
			sample(i, sent+`,"code":503`)
	})
	lines("nobody's entries", func(i int) string {
		return `{"log":{"id":"x` + num(i) + `","proxy":"p` + num(i) + `","side":"server","reachedNs":1}}` + "\n"
	})
	same("entries of one request", pad(`{"log":{"id":"r1-x","proxy":"p","side":"server"}}`+"\n"))
	lines("waiting", func(i int) string { return `{"log":{"id":"r1-` + num(i) + `","proxy":"p"}}` + "\n" })
	lines("backwards", func(i int) string {
		at := began.Add(time.Minute - time.Duration(i)*time.Microsecond).Format(time.RFC3339Nano)
		return sample(i, `"sent":"`+at+`","done":"`+at+`","code":200,"version":"v1"`)
	})
	lines("serial numbers", func(i int) string {
		return sample(i, sent+`,"code":200,"version":"v2","pod":"b2","serial":"b2-`+num(1000*i+1)+`"`)
	})
	lines("pods", func(i int) string { return `{"pod":{"name":"p` + num(i) + `","role":"app"}}` + "\n" })
	lines("lives", func(i int) string {
		return `{"pod":{"name":"b2","role":"app","instances":[` + strings.Repeat(`{"name":"b2","received":9},`, 1000) +
			`{"name":"x` + num(i) + `"}]}}` + "\n"
	})
	lines("notes", func(i int) string {
		return `{"event":{"kind":"note","text":"` + num(i) + strings.Repeat("x", 1000) + `"}}` + "\n"
	})
	lines("phases", func(i int) string {
		return `{"event":{"at":"2026-11-23T06:01:30Z","kind":"phase-start","phase":"p` + num(i) + `"}}` + "\n"
	})
	report := func(name, begin, part, end string) {
		// As large as it may be: of a larger one nothing is read.
		all = append(all, flood{
			name: name, file: reports.ReportFile, size: 31 << 20, begin: `{"schema":2,` + begin,
			part: func(int) string { return part }, end: end,
		})
	}
	report("nothing for a phase", `"phases":[null`, ",null", "]}")
	report("numbers for phases", `"phases":[1`, ",1", "]}")
	report("counts", `"timeline":{"binMs":100,"series":[{"counts":[1`, ",1", "]}]}}")
	report("deep", `"x":`, "[", "")
	report("one text", `"scenario":"`, strings.Repeat("x", 1000), `"}`)
	report("escapes", `"scenario":"`, `\u0000`, `"}`)
	report("notes in the report", `"notes":[""`, `,""`, "]}")
	series := `{"counts":[` + strings.Repeat("1,", 980_000) + `1]}`
	all = append(all, flood{
		name: "as many counts as may be", file: reports.ReportFile, size: 1,
		begin: `{"schema":2,"timeline":{"binMs":100,"bins":1000000,"series":[` +
			strings.Join([]string{series, series, series, series}, ",") + "]}}",
	})
	for _, f := range all {
		if f.name == "waiting" || f.name == "backwards" {
			g := f
			f.name, f.size, f.bundled = "a bundle of "+f.name, hostileBundle, true
			g.name, g.file, g.size, g.framed = "frames of "+g.name, trace.File, 3*hostileSize, true
			all = append(all, f, g)
		}
	}
	frames := func(name, part string) {
		f := flood{name: name, file: trace.File, size: hostileSize}
		f.part = func(int) string { return part }
		all = append(all, f)
	}
	const health = `{"health":{}}` + "\n"
	bomb := frame(t, strings.Repeat(health, 600_000))
	frames("frames of nothing", frame(t, strings.Repeat("\n", 8<<20)))
	frames("frames of much", bomb)
	frames("frames of a line", frame(t, health))
	frames("frames of a byte", frame(t, "\n"))
	endless := flood{name: "a frame that never ends", file: trace.File, size: hostileSize, begin: bomb[:9]}
	endless.part = func(int) string { return strings.Repeat("\x00", 1000) }
	all = append(all, endless)
	frames("beginnings of frames", bomb[:4])
	frames("beginnings of long frames", bomb[:200])
	one := frame(t, strings.Repeat(pad(`{"log":{"id":"r1-x","proxy":"p"}}`), 1000))
	all = append(all, flood{
		name: "a bundle of one frame", file: trace.File, size: hostileBundle, bundled: true,
		part: func(int) string { return one },
	})
	return all
}

// TestHostileFolders reads folders of 100 MB in a process of its own each, and asks the kernel what that took.
func TestHostileFolders(t *testing.T) {
	if dir := os.Getenv("CANARYLAB_HOSTILE"); dir != "" {
		readFolder(dir)
		return
	}
	if !*hostile {
		t.Skip("takes minutes: -hostile")
	}
	_, lines := smallRun(t)
	end := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"kind":"run-end"`) })
	for _, f := range floods(t, strings.Join(lines[:end-2], "")) {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			f.write(t, dir)
			most := mostTime * time.Duration(max(f.size/hostileSize, 1))
			if f.bundled {
				dir = packed(t, filepath.Join(dir, f.file))
			}
			began := time.Now()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileFolders$", "-test.v")
			child.Env = append(os.Environ(), "CANARYLAB_HOSTILE="+dir)
			out, err := child.CombinedOutput()
			// On a busy machine it is the processor's time that tells.
			took := min(time.Since(began), child.ProcessState.UserTime()+child.ProcessState.SystemTime())
			if err != nil {
				t.Fatalf("got %v and\n%.3000s", err, out)
			}
			_, kb, _ := bytes.Cut(out, []byte("VmHWM:"))
			var memory int
			if _, err := fmt.Sscanf(string(kb), "%d kB", &memory); err != nil {
				t.Fatalf("got %q: %v", out, err)
			}
			_, said, _ := strings.Cut(string(out), "read: ")
			said, _, _ = strings.Cut(said, "\n")
			t.Logf("%.1f s, %d MB: %.200s", took.Seconds(), memory>>10, said)
			if memory > mostMemory || took > most {
				t.Errorf("got %s and %d MB, want %s and %d MB at most", took, memory>>10, most, mostMemory>>10)
			}
		})
	}
}

func (f flood) write(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, f.file))
	if err != nil {
		t.Fatal(err)
	}
	w, n := bufio.NewWriter(file), 0
	lines := ""
	for i := -1; n < f.size; i++ {
		part := f.begin
		if i >= 0 {
			part = f.part(i)
		}
		n += len(part)
		if f.framed {
			if lines += part; len(lines) < 100<<10 && n < f.size {
				continue
			}
			part, lines = frame(t, lines), ""
		}
		if _, err := w.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.WriteString(f.end)
	if err := errors.Join(err, w.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// packed makes a bundle of a trace, with a report that asks for nothing: what reads it has to make its own.
func packed(t *testing.T, file string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "run"+bundle.Ext)
	if err := pack(name, file); err != nil {
		t.Fatal(err)
	}
	return name
}

func pack(name, file string) error {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	w := tar.NewWriter(z)
	for _, member := range []struct {
		name string
		size int64
		from io.Reader
	}{{reports.ReportFile, 2, strings.NewReader("{}")}, {filepath.Base(file), info.Size(), from}} {
		err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: "run/" + member.name, Size: member.size, Mode: 0o600,
		})
		if err == nil {
			_, err = io.Copy(w, member.from)
		}
		if err != nil {
			return errors.Join(err, to.Close())
		}
	}
	return errors.Join(w.Close(), z.Close(), to.Close())
}

// readFolder does with a folder what report and verify do, and prints the greatest memory that the process had.
func readFolder(name string) {
	fmt.Println("read:", readAll(name))
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	fmt.Println("VmHWM:", strings.TrimSpace(line))
}

func readAll(name string) error {
	dir, done, err := bundle.Open(name)
	if err != nil {
		return err
	}
	run, err := reports.OpenRun(dir)
	if err != nil || dir != name {
		r, unmade := judge.Report(dir)
		if err = errors.Join(err, unmade); r != nil {
			run, err = &reports.Run{Dir: dir, Report: r}, nil
		}
	}
	if run != nil {
		for _, f := range render.Formats() {
			err = errors.Join(err, f.Write(io.Discard, run))
		}
	}
	return errors.Join(err, done())
}
