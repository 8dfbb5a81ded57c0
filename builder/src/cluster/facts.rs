//! What a node reports about itself over ssh: one script, and the parser of its output.

use super::report::NodeReport;
use super::ssh::SshOutput;
use crate::inspect::NODE_PROGRAMS;

/// Prints `name=value` lines with the base's tools, as an ordinary user; only root sees a prepared restore. The clock is first, because the time of arrival is
/// compared with it. Facts that a board does not have are missing. An etcd that waits for its turn to start, or whose data is not mounted, was
/// not stopped by anybody; one that was killed because it did not stop counts as failed.
const SCRIPT: &str = r#"
echo "clock=$(date +%s.%N)"
for home in NODE_PROGRAMS /var/lib/misc/etcd-node; do
    sed -n 's/^  "written_by": "\(.*\)",$/image=\1/p; s/^  "time": \([0-9]*\),$/built=\1/p' "$home/node.json" 2>/dev/null
    data=${data:-$(sed -n 's/^  "data_dir": "\(.*\)",$/\1/p' "$home/node.json" 2>/dev/null)}
done
if [ -L /run/etcd-node/upgraded ]; then echo "upgraded=yes"; else echo "upgraded=no"; fi
sed -n '1s/^/failed=/p' /run/etcd-node/failed 2>/dev/null
while read -r _ place kind _; do
    [ "$place" != / ] || root=$kind
done </proc/mounts
echo "root=$root"
for place in $data /var/lib/etcd /var/lib/misc/etcd-node; do
    [ ! -d "$place" ] || { df -Pk "$place" | sed -n '2s/^[^ ]* *\([0-9]*\) *\([0-9]*\) .*/data=\2 \1/p'; break; }
done
read -r heat </sys/class/thermal/thermal_zone0/temp && echo "temperature=$heat"
for sensor in /sys/class/hwmon/hwmon*; do
    read -r kind <"$sensor/name" && [ "$kind" = rpi_volt ] && read -r low <"$sensor/in0_lcrit_alarm" && echo "undervoltage=$low"
done
case $(systemctl show --property=ActiveState --property=Job etcd 2>/dev/null) in
    *Job=[1-9]*) ;;
    *=inactive* | *=failed*) systemctl is-failed --quiet etcd-node-data etcd-node-grow || echo "stopped=yes" ;;
esac
for lib in NODE_PROGRAMS /var/lib/misc/etcd-node/lib; do
    [ ! -e "$lib/restore" ] || sudo -n sh "$lib/restore" pending 2>/dev/null
done
exit 0
"#;

/// Returns [`SCRIPT`] with the path of that directory, for a shell on a node.
pub(super) fn script() -> String {
    SCRIPT.replace("NODE_PROGRAMS", NODE_PROGRAMS)
}

/// Parses the output of [`SCRIPT`]; a value that cannot be read counts as missing.
pub(super) fn parse(said: &SshOutput) -> NodeReport {
    let value = |name: &str| {
        let mut values = said.lines.iter().filter_map(|line| line.split_once('='));
        values.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let clock: Option<f64> = value("clock").and_then(|text| text.parse().ok());
    let data = value("data").and_then(|text| text.split_once(' '));
    let milli: Option<f64> = value("temperature").and_then(|text| text.parse().ok());
    NodeReport {
        clock_offset: clock.map(|clock| clock - said.first),
        image: value("image").map(|text| text.escape_debug().to_string()),
        built: value("built").and_then(|text| text.parse().ok()),
        upgraded: value("upgraded").map(|word| word == "yes"),
        failed_upgrade: value("failed").map(|text| text.escape_debug().to_string()),
        read_only: value("root").map(|kind| kind == "overlay"),
        data_use: data.and_then(|(used, all)| share(used, all)),
        celsius: milli.map(|milli| milli / 1000.0),
        undervoltage: value("undervoltage").map(|flag| flag != "0"),
        stopped: value("stopped").map(|word| word == "yes"),
        prepared_restore: value("restore").map(|text| text.escape_debug().to_string()),
    }
}

fn share(used: &str, all: &str) -> Option<f64> {
    let (used, all): (f64, f64) = (used.parse().ok()?, all.parse().ok()?);
    (all > 0.0).then(|| used / all)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn said(text: &str) -> SshOutput {
        SshOutput {
            lines: text.lines().map(str::to_owned).collect(),
            first: 1000.0,
        }
    }

    /// Returns what the script says about an etcd of which systemctl shows this. The data's unit has failed or not.
    fn stopped(shown: &str, failed: bool) -> Option<bool> {
        let systemctl = format!(
            "systemctl() {{ case $1 in show) printf '{shown}' ;; is-failed) {failed} ;; esac; }}"
        );
        let text = format!("{systemctl}\n{}", script());
        let printed = Command::new("sh").args(["-c", &text]).output().unwrap();
        parse(&said(&String::from_utf8(printed.stdout).unwrap())).stopped
    }

    #[test]
    fn an_etcd_that_nobody_has_stopped_is_not_called_stopped() {
        assert_eq!(stopped("ActiveState=inactive\\n", false), Some(true));
        // It was killed because it did not stop.
        assert_eq!(stopped("ActiveState=failed\\n", false), Some(true));
        // It waits for its data during boot, and that is damaged.
        let waits = "Job=123\\nActiveState=inactive\\n";
        assert_eq!(stopped(waits, false), None);
        assert_eq!(stopped("ActiveState=inactive\\n", true), None);
        for state in ["active", "activating", "deactivating", "reloading"] {
            let shown = format!("ActiveState={state}\\n");
            assert_eq!(stopped(&shown, false), None, "{state}");
        }
        assert_eq!(stopped("", false), None);
    }

    #[test]
    fn a_node_reports_what_it_knows() {
        let text = "clock=1000.500000000\nimage=etcd-image 0.1.0\nbuilt=900\nupgraded=yes\nfailed=etcd 3.5.17 did not\nroot=overlay\ndata=250 1000\n\
                    temperature=48312\nundervoltage=1\nstopped=yes\nrestore=/var/lib/etcd/restore\n";
        let wanted = NodeReport {
            clock_offset: Some(0.5),
            image: Some("etcd-image 0.1.0".to_owned()),
            built: Some(900),
            upgraded: Some(true),
            failed_upgrade: Some("etcd 3.5.17 did not".to_owned()),
            read_only: Some(true),
            data_use: Some(0.25),
            celsius: Some(48.312),
            undervoltage: Some(true),
            stopped: Some(true),
            prepared_restore: Some("/var/lib/etcd/restore".to_owned()),
        };
        assert_eq!(parse(&said(text)), wanted);
    }

    #[test]
    fn a_fact_that_is_missing_or_damaged_is_left_out() {
        let wanted = NodeReport {
            read_only: Some(false),
            ..NodeReport::default()
        };
        assert_eq!(
            parse(&said("clock=x\nroot=ext4\ndata=1 0\ntemperature=\n")),
            wanted
        );
        assert_eq!(parse(&said("")), NodeReport::default());
    }
}
