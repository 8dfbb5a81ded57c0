//! `[network.wifi]` and `[[network.wifi.other]]`: the names and passwords of wireless networks.

use super::cluster::{Wifi, WifiNetwork};
use super::complaints::{Complaints, Placed};
use super::table::Table;
use crate::secret::Secret;

/// Reads the tables and checks that they fit the interface. `others` are networks that a node uses where it does not reach
/// the first one.
pub(super) fn read(
    first: &Table,
    others: Vec<&Table>,
    interface: Option<Placed<&str>>,
    log: &mut Complaints,
) -> Option<Wifi> {
    let named = |start: &str| interface.filter(|name| name.value.starts_with(start));
    if first.is_written() {
        if let Some(interface) = named("e") {
            let message = format!(
                "[network.wifi] is for a wireless interface, not {}",
                interface.value
            );
            log.add(interface.place, message);
        }
    } else if let Some(interface) = named("wl") {
        let message = format!(
            "{} needs [network.wifi] with ssid, password and country",
            interface.value
        );
        log.add(interface.place, message);
    }
    let mut networks: Vec<WifiNetwork> = Vec::new();
    for table in std::iter::once(first).chain(others) {
        let Some(network) = network(table, log) else {
            continue;
        };
        if networks.iter().any(|known| known.ssid == network.ssid) {
            let message = format!("the network `{}` is listed twice", network.ssid);
            log.add(table.place_of("ssid"), message);
        }
        networks.push(network);
    }
    let country = first.optional("country")?.value.to_owned();
    (!networks.is_empty()).then_some(Wifi { country, networks })
}

fn network(table: &Table, log: &mut Complaints) -> Option<WifiNetwork> {
    let password = table.optional("password")?;
    let (open, wpa3) = (password.value == OPEN, table.switch("wpa3"));
    if open && wpa3 {
        let message = "`password` is \"none\", but WPA3 requires a password";
        log.add(password.place, message);
    }
    if wpa3 && password.value.len() == KEY_DIGITS {
        let message =
            "`password` is a key of WPA2, of 64 digits; WPA3 requires the password itself";
        log.add(password.place, message);
    }
    Some(WifiNetwork {
        ssid: table.optional("ssid")?.value.to_owned(),
        password: (!open).then(|| Secret::new(password.value)),
        hidden: table.switch("hidden"),
        wpa3,
    })
}

/// The number of digits of a key of WPA2, which takes the place of a password. No password is as long.
const KEY_DIGITS: usize = 64;

/// The password of an open network, which is too short for WPA.
const OPEN: &str = "none";

pub(super) fn ssid(ssid: &str) -> Result<(), String> {
    if (1..=32).contains(&ssid.len()) && !ssid.chars().any(char::is_control) {
        return Ok(());
    }
    Err("`ssid` must have 1 to 32 bytes".to_owned())
}

/// Checks a password by the rules of WPA-PSK. The error never contains the password.
pub(super) fn password(password: &str) -> Result<(), String> {
    let printable = password.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let hex = password.bytes().all(|byte| byte.is_ascii_hexdigit());
    match password.len() {
        _ if password == OPEN => Ok(()),
        8..=63 if printable => Ok(()),
        64 if hex => Ok(()),
        8..=64 => Err("`password` must be printable ASCII, or 64 hexadecimal digits".to_owned()),
        length => Err(format!(
            "`password` has {length} characters; WPA requires 8 to 63 (\"none\" for an open network)"
        )),
    }
}

/// The officially assigned country codes of ISO 3166-1.
const COUNTRIES: &str = "
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

pub(super) fn country(country: &str) -> Result<(), String> {
    let is_known = |code: &str| COUNTRIES.split_whitespace().any(|known| known == code);
    if is_known(country) {
        return Ok(());
    }
    let upper = country.to_ascii_uppercase();
    let example = match upper.as_str() {
        "UK" => "GB",
        upper if is_known(upper) => upper,
        _ => "DE",
    };
    Err(format!(
        "`{country}` is not a country: write its two capital letters in ISO 3166, as in \"{example}\""
    ))
}
