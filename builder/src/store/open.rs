//! The choice of the client for an address.

use anyhow::Result;

use super::address::Address;
use super::backend::Store;
use super::oci::Registry;
use super::s3::S3;
use crate::cli::StoreAccess;

/// Prepares the client of a store that is only read; opens no connection yet.
pub(super) fn open(address: &Address, access: &StoreAccess) -> Result<Box<dyn Store>> {
    open_with(address, access, false)
}

/// Prepares the client of a store that is written as well; opens no connection yet.
pub(super) fn open_to_write(address: &Address, access: &StoreAccess) -> Result<Box<dyn Store>> {
    open_with(address, access, true)
}

fn open_with(address: &Address, access: &StoreAccess, is_written: bool) -> Result<Box<dyn Store>> {
    match address {
        Address::S3(bucket) => Ok(Box::new(S3::open(bucket, &access.aws)?)),
        Address::Oci(reference) => Ok(Box::new(Registry::open(reference, access, is_written)?)),
    }
}
