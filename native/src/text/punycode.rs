//! How long a domain becomes when it is encoded in ASCII (RFC 3492).

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;

/// The most characters of a label, encoded.
const MAX_LABEL: usize = 63;

/// Returns the characters of a domain when encoded, or `None` when a label is empty, too long or half encoded.
///
/// `O(n)`: labels that are too long already are not encoded.
pub(super) fn domain_length(domain: &[char]) -> Option<usize> {
    let labels = domain.split(|&c| c == '.').map(label_length);
    labels.sum::<Option<usize>>().map(|sum| sum + domain.iter().filter(|&&c| c == '.').count())
}

fn label_length(label: &[char]) -> Option<usize> {
    let length = match label.len() {
        1..=MAX_LABEL if label.iter().all(char::is_ascii) => label.len(),
        // What has the prefix already cannot be encoded again.
        1..=MAX_LABEL if !is_encoded(label) => "xn--".len() + encoded_length(label),
        _ => return None,
    };
    (length <= MAX_LABEL).then_some(length)
}

/// Whether a label begins with the prefix of encoded ones.
pub(super) fn is_encoded(label: &[char]) -> bool {
    label.len() > 4 && label.iter().zip("xn--".chars()).all(|(c, x)| c.eq_ignore_ascii_case(&x))
}

// The algorithm of RFC 3492, section 6.3, that counts its output instead of writing it.
fn encoded_length(label: &[char]) -> usize {
    let points: Vec<u32> = label.iter().map(|c| c.to_ascii_lowercase() as u32).collect();
    let basic = points.iter().filter(|&&point| point < 0x80).count();
    let mut length = basic + usize::from(basic > 0);
    let (mut next, mut delta, mut bias) = (0x80, 0, INITIAL_BIAS);
    let mut handled = basic;
    while let Some(point) = points.iter().copied().filter(|&point| point >= next).min() {
        delta += (point - next) * to_u32(handled + 1);
        for &other in &points {
            delta += u32::from(other < point);
            if other == point {
                length += digits(delta, bias);
                bias = adapt(delta, to_u32(handled + 1), handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta += 1;
        next = point + 1;
    }
    length
}

fn digits(mut delta: u32, bias: u32) -> usize {
    for (place, k) in (1..).zip((BASE..).step_by(BASE as usize)) {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if delta < threshold {
            return place;
        }
        delta = (delta - threshold) / (BASE - threshold);
    }
    0
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(domain: &str) -> Option<usize> {
        domain_length(&domain.chars().collect::<Vec<_>>())
    }

    #[test]
    fn lengths_are_those_of_the_known_encodings() {
        assert_eq!(length("münchen.de"), Some("xn--mnchen-3ya.de".len()));
        assert_eq!(length("例え.テスト"), Some("xn--r8jz45g.xn--zckzah".len()));
        assert_eq!(length("他们为什么不说中文"), Some("xn--ihqwcrb4cv8a8dqg056pqjye".len()));
        assert_eq!(length("почемужеонинеговорятпорусски"), Some("xn--b1abfaaepdrnnbgefbadotcwatmq2g4l".len()));
    }

    #[test]
    fn labels_that_are_empty_too_long_or_half_encoded_have_no_encoding() {
        assert_eq!(length("xn--はじめよう.com"), None);
        assert_eq!(length("a..com"), None);
        assert_eq!(length(&"a".repeat(63)), Some(63));
        assert_eq!(length(&"a".repeat(64)), None);
        assert_eq!(length(&"あ".repeat(63)), None);
    }
}
