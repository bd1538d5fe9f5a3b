package assess

import (
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// support is when a release stops getting security updates: from everybody's archive (end), and from a programme for
// chosen packages or paying customers after that (limited). YYYY-MM-DD.
type support struct{ end, limited string }

// releases are ends of support by "id:version" of os-release. Sources, read in November 2026: distro-info-data for
// Debian and Ubuntu, endoflife.date with the vendors' life-cycle pages for the others. A release that writes
// SUPPORT_END into its os-release is judged by that instead.
func releases() map[string]support {
	return map[string]support{
		"debian:8": {"2018-06-17", "2020-06-30"}, "debian:9": {"2020-07-18", "2022-06-30"}, "debian:10": {"2022-09-10", "2024-06-30"},
		"debian:11": {"2024-08-14", "2026-08-31"}, "debian:12": {"2026-07-11", "2028-06-30"}, "debian:13": {"2028-08-09", "2030-06-30"},

		"ubuntu:16.04": {"2021-04-30", "2026-04-23"}, "ubuntu:18.04": {"2023-05-31", "2028-04-26"}, "ubuntu:20.04": {"2025-05-29", "2030-04-23"},
		"ubuntu:22.04": {"2027-06-01", "2032-04-21"}, "ubuntu:24.04": {"2029-05-31", "2034-04-25"}, "ubuntu:26.04": {"2031-05-29", "2036-04-23"},
		"ubuntu:23.04": {"2024-01-25", ""}, "ubuntu:23.10": {"2024-07-11", ""}, "ubuntu:24.10": {"2025-07-10", ""},
		"ubuntu:25.04": {"2026-01-15", ""}, "ubuntu:25.10": {"2026-07-09", ""},

		"rhel:6": {"2020-11-30", "2024-06-30"}, "rhel:7": {"2024-06-30", "2028-06-30"}, "rhel:8": {"2029-05-31", "2032-05-31"},
		"rhel:9": {"2032-05-31", "2035-05-31"}, "rhel:10": {"2035-05-31", ""},
		"rocky:8": {"2029-05-31", ""}, "rocky:9": {"2032-05-31", ""}, "rocky:10": {"2035-05-31", ""},
		"almalinux:8": {"2029-03-01", ""}, "almalinux:9": {"2032-05-31", ""}, "almalinux:10": {"2035-05-31", ""},
		"ol:7": {"2024-12-31", "2028-06-30"}, "ol:8": {"2029-07-31", "2032-07-31"}, "ol:9": {"2032-06-30", "2035-06-30"},
		"centos:6": {"2020-11-30", ""}, "centos:7": {"2024-06-30", ""}, "centos:8": {"2024-05-31", ""},
		"centos:9": {"2027-05-31", ""}, "centos:10": {"2030-01-01", ""},

		"fedora:38": {"2024-05-21", ""}, "fedora:39": {"2024-11-26", ""}, "fedora:40": {"2025-05-13", ""},
		"fedora:41": {"2025-12-15", ""}, "fedora:42": {"2026-05-13", ""}, "fedora:43": {"2026-12-09", ""},

		"alpine:3.15": {"2023-11-01", ""}, "alpine:3.16": {"2024-05-23", ""}, "alpine:3.17": {"2024-11-22", ""}, "alpine:3.18": {"2025-05-09", ""},
		"alpine:3.19": {"2025-11-01", ""}, "alpine:3.20": {"2026-04-01", ""}, "alpine:3.21": {"2026-11-01", ""}, "alpine:3.22": {"2027-05-01", ""},
		"alpine:3.23": {"2027-11-01", ""}, "alpine:3.24": {"2028-05-01", ""},

		"amzn:1": {"2020-12-31", "2023-12-31"}, "amzn:2018": {"2020-12-31", "2023-12-31"}, "amzn:2": {"2026-06-30", ""}, "amzn:2023": {"2029-06-30", ""},

		"sles:12.5": {"2024-10-31", "2027-10-31"}, "sles:15.3": {"2022-12-31", "2025-12-31"}, "sles:15.4": {"2023-12-31", "2026-12-31"},
		"sles:15.5": {"2024-12-31", "2027-12-31"}, "sles:15.6": {"2025-12-31", "2028-12-31"}, "sles:15.7": {"2031-07-31", "2034-07-31"},
		"opensuse-leap:15.3": {"2022-12-31", ""}, "opensuse-leap:15.4": {"2023-12-07", ""}, "opensuse-leap:15.5": {"2024-12-31", ""},
		"opensuse-leap:15.6": {"2026-04-30", ""}, "opensuse-leap:16.0": {"2027-10-31", ""},
	}
}

// rolling are distributions whose every version is replaced by the next one: what counts is that updates are taken.
var rolling = []string{
	"arch", "opensuse-tumbleweed", "opensuse-microos", "flatcar", "bottlerocket", "gentoo", "wolfi", "chainguard", "void",
}

// supportOf looks the release up, by its full version or a shorter one ("9.4" is a "9").
func supportOf(os model.OSRelease) (support, bool) {
	if _, err := time.Parse(time.DateOnly, os.SupportEnd); err == nil {
		return support{end: os.SupportEnd}, true
	}
	table := releases()
	for version := os.Version; version != ""; {
		if s, ok := table[os.ID+":"+version]; ok {
			return s, true
		}
		dot := strings.LastIndexByte(version, '.')
		if dot < 0 {
			break
		}
		version = version[:dot]
	}
	return support{}, false
}

// over says whether the day has passed at the moment. An empty day has passed.
func over(day string, at time.Time) bool {
	end, err := time.Parse(time.DateOnly, day)
	return err != nil || !at.Before(end.AddDate(0, 0, 1))
}
