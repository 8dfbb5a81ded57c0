//! The rules for single values, for code that knows nothing of a setting, such as the check of finished images.

pub(crate) use super::etcd_flags::check_finished as etcd_setting;
pub(crate) use super::etcd_values::{conflict as etcd_conflict, hides_log, token_keys};
pub(crate) use super::firmware::{
    disables_ipv6, is_needed as is_needed_module, is_rescue, lays_memory_over_root, needed_module,
    sets_address,
};
pub(crate) use super::subnet::is_for_hosts as is_address;
use super::{names, public_key, ssh, subnet, wifi};

/// Returns whether a board can have a network interface of this name.
pub(crate) fn is_interface(name: &str) -> bool {
    names::interface(name).is_ok()
}

/// Returns whether nodes can ask a name server at this address.
pub(crate) fn is_name_server(text: &str) -> bool {
    subnet::check_server(text).is_ok()
}

/// Returns whether a node can have this name.
pub(crate) fn is_host_name(name: &str) -> bool {
    names::host_label(name).is_ok()
}

/// Returns whether a country has this code (ISO 3166).
pub(crate) fn is_country(code: &str) -> bool {
    wifi::country(code).is_ok()
}

/// Returns whether crypt(3) takes the text for a hash of a method that is secure today.
pub(crate) fn is_password_hash(text: &str) -> bool {
    ssh::password_hash(text).is_ok()
}

/// Returns whether sshd accepts the key on a line of `authorized_keys` at this time, in seconds since 1970.
pub(crate) fn opens_login(line: &str, now: i64) -> bool {
    public_key::checked(line).is_ok() && !public_key::has_expired(line, now)
}
