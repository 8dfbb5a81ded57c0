//! The list of images that Raspberry Pi Imager 2 opens: its `os_list` format of August 2026.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::date::date;
use crate::image_format::ImageFormat;
use crate::report::{Manifest, NodeRecord, OutputRecord};
use crate::spec::Board;

/// The name of the file. Imager opens files with this extension.
pub(super) const FILE_NAME: &str = "etcd-image.rpi-imager-manifest";
/// An icon that Imager itself contains.
const ICON: &str = "icons/use_custom.png";

#[derive(Serialize)]
struct List<'a> {
    os_list: Vec<OsEntry<'a>>,
}

#[derive(Serialize)]
struct OsEntry<'a> {
    name: String,
    description: String,
    icon: &'static str,
    url: String,
    extract_size: u64,
    extract_sha256: &'a str,
    image_download_size: u64,
    image_download_sha256: &'a str,
    release_date: String,
    devices: BTreeSet<&'static str>,
    /// No customization is offered: it would overwrite the node's identity.
    init_format: &'static str,
    architecture: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bmap_url: Option<String>,
}

/// Returns the list. Without a `url`, its addresses are file names relative to the list.
pub(super) fn list(manifest: &Manifest, url: Option<&str>) -> Result<Vec<u8>> {
    let nodes = manifest.nodes.iter();
    let os_list = nodes.filter_map(|node| Some(entry(manifest, node, download(node)?, url)));
    let list = List {
        os_list: os_list.collect(),
    };
    let mut json = serde_json::to_vec_pretty(&list).context("writing the list for Imager")?;
    json.push(b'\n');
    Ok(json)
}

/// Returns the address in whose directory a list names the images, or `None` if it names them relative to itself.
pub(super) fn address(list: &str) -> Option<String> {
    let list: serde_json::Value = serde_json::from_str(list).ok()?;
    let url = list.pointer("/os_list/0/url")?.as_str()?;
    let (address, _) = url.rsplit_once('/')?;
    Some(address.to_owned())
}

/// Returns the file that Imager downloads: the smallest of those that all its versions read, xz before gzip.
fn download(node: &NodeRecord) -> Option<&OutputRecord> {
    let preferred = [
        ImageFormat::Xz,
        ImageFormat::Gzip,
        ImageFormat::Zstd,
        ImageFormat::Img,
    ];
    let find = |format| node.outputs.iter().find(|output| output.format == format);
    preferred.into_iter().find_map(find)
}

fn entry<'a>(
    manifest: &Manifest,
    node: &'a NodeRecord,
    download: &'a OutputRecord,
    url: Option<&str>,
) -> OsEntry<'a> {
    let address = |name: &str| match url {
        Some(url) => format!("{}/{name}", url.trim_end_matches('/')),
        None => name.to_owned(),
    };
    let map = super::block_map::file_name(&node.name);
    let has_map = node.attachments.iter().any(|it| it.name == map);
    OsEntry {
        name: format!("{} of cluster {}", node.name, manifest.cluster),
        description: format!(
            "etcd {} on {}, {}",
            node.etcd.name, node.base.name, node.address
        ),
        icon: ICON,
        url: address(&download.name),
        extract_size: node.size,
        extract_sha256: &node.sha256,
        image_download_size: download.size,
        image_download_sha256: &download.sha256,
        release_date: date(node.time),
        devices: node.boards.iter().map(|board| tag(*board)).collect(),
        init_format: "none",
        architecture: "armv8",
        bmap_url: has_map.then(|| address(&map)),
    }
}

/// Returns Imager's name of a family of boards.
fn tag(board: Board) -> &'static str {
    match board {
        Board::Pi3 | Board::Zero2W => "pi3-64bit",
        Board::Pi4 | Board::Cm4 => "pi4-64bit",
        Board::Pi5 | Board::Cm5 => "pi5-64bit",
    }
}
