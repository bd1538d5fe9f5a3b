package sessions

import (
	"regexp"
	"strings"
	"testing"
)

// hostile are things that do harm on terminals.
var hostile = []string{
	"\x1b]52;c;ZXZpbA==\x07", "\x1b]52;c;?\x1b\\", // the clipboard, set and read
	"\x1b]0;title\x07", "\x1b]2;title\x1b\\", "\x1b[21t", "\x1b[20t", // title, set and reported as if it were typed
	"\x1b[6n", "\x1b[5n", "\x1b[c", "\x1b[>c", "\x1b[=c", "\x1b[?6n", "\x1bZ", "\x05", // reports
	"\x1bP$qm\x1b\\", "\x1bP+q544e\x1b\\", "\x1b[?1$p", "\x1b[x", "\x1b[>q", // more reports
	"\x1b[?1000h", "\x1b[?1003;1006h", "\x1b[?2004h", "\x1b[>4;2m", "\x1b[>1u", "\x1b[=1;1u", "\x1b[?1004h", // mouse and keyboard
	"\x1b[5i", "\x1b[4i", "\x1b[?5i", // the printer
	"\x1b]8;;file:///etc/passwd\x07text\x1b]8;;\x07", // a link
	"\x1b]50;?\x07", "\x1b]4;1;?\x07", "\x1b]10;?\x07", // fonts and colours, reported
	"\x1b]1337;File=inline=1:AAAA\x07", "\x1b_Gi=1,a=q;AAAA\x1b\\", // images and files
	"\x1b[8;9999;9999t", "\x1b[2t", "\x1b[3;0;0t", // the window
	"\u009b6n", "\u009d52;c;ZXZpbA==\u009c", "\u0090$qm\u009c", // in eight bits
	"\x1bc", "\x1b#8", "\x1b[!p", "\x1b[61\"p", // resets
	"\x1b[\x1b[6n", "\x1b[3\x186n", "\x1b]52;c;ZXZ\x1b[6npbA==\x07", // one in another
	"\x1b[?25;6;1000;2004h", "\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;6n",
	"\x1b F", "\x1b%@", "\x1bn", "\x1b|", "\x1bX\x1b\\6n",
}

// allowed is all that may come through: text, and sequences that only change the picture. It is written another way than the filter.
var allowed = regexp.MustCompile("^(?:[^\x00-\x07\x10-\x1a\x1c-\x1f\x1b\x7f\u0080-\u009f]|\x1b\\[[0-9;:]*[@A-HIJKLMPSTXZ`abdefmr]|\x1b\\[[su]|\x1b\\[4[hl]|\x1b\\[\\?(?:6|7|12|25|47|1047|1048|1049)[hl]|\x1b[78DEM]|\x1b[()][0AB])*$")

// harm gives what may not be there, and nothing when all is well.
func harm(shown string) string {
	if allowed.MatchString(shown) {
		return ""
	}
	if i := strings.IndexByte(shown, '\x1b'); i >= 0 {
		return shown[i:min(len(shown), i+20)]
	}
	return shown
}

func TestHostile(t *testing.T) {
	for _, h := range hostile {
		for _, s := range []Shower{NewScreen(), NewPlain()} {
			shown := s.Show("a" + h + "\nb")
			if bad := harm(shown); bad != "" || !strings.HasPrefix(shown, "a") || !strings.HasSuffix(shown, "b") {
				t.Errorf("%T, %q: %q", s, h, shown)
			}
		}
	}
}

func TestWhatIsShown(t *testing.T) {
	for in, want := range map[string]struct{ screen, plain string }{
		"\x1b[1;31mred\x1b[0m €\r\n":             {"\x1b[1;31mred\x1b[0m €\r\n", "red €\n"},
		"\x1b[38:2::1:2:3mx":                     {"\x1b[38:2::1:2:3mx", "x"},
		"\x1b[?1049h\x1b[2J\x1b[HTop":            {"\x1b[?1049h\x1b[2J\x1b[HTop", "Top"},
		"\x1b[?25;1000lx":                        {"\x1b[?25lx", "x"},
		"\x1b(0lqk\x1b(B":                        {"\x1b(0lqk\x1b(B", "lqk"},
		"a\x1b]never ends\nand what comes after": {"a\nand what comes after", "a\nand what comes after"},
		"ab\b \b":                                {"ab\b \b", "ab "},
		"日本語 e\u0301 👩\u200d🚀":                   {"日本語 e\u0301 👩\u200d🚀", "日本語 e\u0301 👩🚀"},
		"pwd\u202etxt.exe":                       {"pwdtxt.exe", "pwdtxt.exe"},
	} {
		if got := NewScreen().Show(in); got != want.screen {
			t.Errorf("%q is shown as %q, not %q", in, got, want.screen)
		}
		if got := NewPlain().Show(in); got != want.plain {
			t.Errorf("%q is the text %q, not %q", in, got, want.plain)
		}
	}
	if !strings.HasSuffix(NewPlain().Show("\x1bP"+strings.Repeat("q", 70<<10)+"x"), "x") {
		t.Error("a string that never ends hides what comes after it")
	}
	s := NewScreen()
	if got := s.Show("\x1b[3") + s.Show("1mx"); got != "\x1b[31mx" {
		t.Errorf("cut in the middle: %q", got)
	}
	if bad := harm(s.Restore()); bad != "" {
		t.Errorf("the end has %q", bad)
	}
}
