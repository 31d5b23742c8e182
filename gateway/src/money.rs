//! Money as decimal text, added exactly.

use retouch_sdk::Cost;

/// The sum, where both are in one currency.
pub fn sum(a: &Cost, b: &Cost) -> Option<Cost> {
    if a.currency != b.currency {
        return None;
    }
    let ((a_units, a_places), (b_units, b_places)) = (parse(&a.amount)?, parse(&b.amount)?);
    let places = a_places.max(b_places);
    let units =
        scale(a_units, places - a_places)?.checked_add(scale(b_units, places - b_places)?)?;
    Some(Cost { amount: write(units, places), currency: a.currency.clone() })
}

/// So many times as much.
pub fn times(cost: &Cost, count: usize) -> Option<Cost> {
    let (units, places) = parse(&cost.amount)?;
    let units = units.checked_mul(u128::try_from(count).ok()?)?;
    Some(Cost { amount: write(units, places), currency: cost.currency.clone() })
}

/// Whole units and how many of their digits stand behind the point.
fn parse(amount: &str) -> Option<(u128, u32)> {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = format!("{whole}{part}");
    let plain =
        !digits.is_empty() && digits.len() <= 30 && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain {
        return None;
    }
    Some((digits.parse().ok()?, u32::try_from(part.len()).ok()?))
}

fn scale(units: u128, places: u32) -> Option<u128> {
    units.checked_mul(10u128.checked_pow(places)?)
}

fn write(units: u128, places: u32) -> String {
    if places == 0 {
        return units.to_string();
    }
    let digits = format!("{units:0>width$}", width = places as usize + 1);
    let (whole, part) = digits.split_at(digits.len() - places as usize);
    format!("{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cny(amount: &str) -> Cost {
        Cost { amount: amount.to_owned(), currency: "CNY".to_owned() }
    }

    #[test]
    fn adds_exactly() {
        for (a, b, want) in [
            ("0.10", "0.20", Some("0.30")),
            ("0.1", "0.25", Some("0.35")),
            ("9.99", "0.01", Some("10.00")),
            ("0", "0.4", Some("0.4")),
            ("1e3", "1", None),
            ("-1", "1", None),
            ("", "1", None),
        ] {
            assert_eq!(sum(&cny(a), &cny(b)).map(|c| c.amount).as_deref(), want, "{a} + {b}");
        }
        let usd = Cost { amount: "1".to_owned(), currency: "USD".to_owned() };
        assert_eq!(sum(&cny("1"), &usd), None);
    }

    #[test]
    fn multiplies_exactly() {
        assert_eq!(times(&cny("0.40"), 3).map(|c| c.amount).as_deref(), Some("1.20"));
    }
}
