//! Prometheus' text format, version 0.0.4: families of samples, each with its help and type. Pure.

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only ever more, from 0 at a start.
    Counter,
    /// More or less.
    Gauge,
}

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// A family whose samples are being told.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Text {
    /// Begins a family. Its name is told once, and all its samples before the next family's.
    pub(super) fn family(&mut self, kind: Kind, name: &'static str, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: &mut self.0, name }
    }

    /// The whole.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Tells one sample. Names of labels are ours, values may be anything.
    pub(super) fn one(&mut self, labels: &[(&str, &str)], value: u64) {
        let pair = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
        let labels: Vec<String> = labels.iter().map(pair).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.text.push_str(&format!("{}{labels} {value}\n", self.name));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_families_as_the_format_has_them() {
        let mut text = Text::default();
        let mut family = text.family(Kind::Counter, "a_total", "What \\ a\nis.");
        family.one(&[], 0);
        family.one(&[("b", "x"), ("c", "say \"hi\"\\\n服务商")], u64::MAX);
        text.family(Kind::Gauge, "d", "Empty.");
        assert_eq!(
            text.finish(),
            "# HELP a_total What \\\\ a\\nis.\n# TYPE a_total counter\na_total 0\n\
             a_total{b=\"x\",c=\"say \\\"hi\\\"\\\\\\n服务商\"} 18446744073709551615\n\
             # HELP d Empty.\n# TYPE d gauge\n"
        );
    }

    /// A label's value as a scraper reads it.
    fn read(text: &str) -> (String, &str) {
        let (mut value, mut chars) = (String::new(), text.chars());
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    Some('n') => value.push('\n'),
                    other => value.extend(other),
                },
                c => value.push(c),
            }
        }
        (value, chars.as_str())
    }

    proptest! {
        #[test]
        fn any_value_is_read_back_and_stays_on_its_line(value in "(?s).{0,40}") {
            let mut text = Text::default();
            text.family(Kind::Gauge, "a", "").one(&[("b", &value)], 7);
            let text = text.finish();
            let line = text.strip_prefix("# HELP a \n# TYPE a gauge\na{b=\"").unwrap();
            prop_assert_eq!(read(line), (value, "} 7\n"));
            prop_assert_eq!(line.matches('\n').count(), 1);
        }
    }
}
