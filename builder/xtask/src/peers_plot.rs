//! The plot of a bench with competitors: wall time over the number of nodes, both axes logarithmic, as SVG.

use std::fmt::Write as _;

use crate::bench_peers::ProgramCosts;

const COLORS: [&str; 5] = ["#0b6", "#888", "#c30", "#06c", "#a0c"];
/// Width, height and margin in pixels.
const SIZE: (f64, f64, f64) = (720.0, 420.0, 56.0);

/// Returns the plot.
pub(crate) fn plot(lines: &[ProgramCosts]) -> String {
    let all = || lines.iter().flat_map(|line| &line.costs);
    let counts = all().map(|(count, _)| f64::from(*count));
    let most = counts.fold(2.0, f64::max);
    let times = || all().map(|(_, cost)| cost.wall);
    let (shortest, longest) = (
        times().fold(f64::MAX, f64::min),
        times().fold(1.0, f64::max),
    );
    let (width, height, margin) = SIZE;
    let x = |count: f64| margin + (width - 2.0 * margin) * count.ln() / most.ln();
    let y = |time: f64| {
        let part = (time / shortest).ln() / (longest / shortest).ln().max(0.1);
        height - margin - (height - 3.0 * margin) * part
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{margin}\" y=\"{}\">nodes</text><text x=\"4\" y=\"{}\">wall time, s</text>\n",
        height - 12.0,
        2.0 * margin - 24.0
    );
    // Writing into a string cannot fail.
    for (index, line) in lines.iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        let points = line
            .costs
            .iter()
            .map(|(count, cost)| (f64::from(*count), cost.wall));
        let joined: Vec<String> = points
            .clone()
            .map(|(n, t)| format!("{:.0},{:.0}", x(n), y(t)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
            joined.join(" ")
        );
        for (n, t) in points {
            let (x, y) = (x(n), y(t));
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"3\" fill=\"{color}\"/><text x=\"{:.0}\" y=\"{:.0}\" fill=\"{color}\">{t:.1}</text>\
                 <text x=\"{x:.0}\" y=\"{}\">{n}</text>",
                x + 5.0,
                y - 5.0,
                height - 32.0
            );
        }
        let state = match line.costs.is_empty() {
            true => " (not available)",
            false => "",
        };
        let name = line.name.replace('`', "");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" fill=\"{color}\">{name}{state}</text>",
            2.0 * margin,
            16 * (index + 1)
        );
    }
    svg + "</svg>\n"
}
