//! Compiles a digest of the sources into the extension, so that Python can refuse a stale build.
//!
//! CRC-32 of every file's path and bytes, in the order of their paths: it need not resist an
//! adversary, only tell an old build from a new one, and `zlib.crc32` repeats it in microseconds.

use std::{fs, io, path::Path};

const ROOTS: [&str; 3] = ["Cargo.toml", "build.rs", "src"];
// By name, so that an editor's swap file does not make every build stale.
const KINDS: [&str; 3] = ["rs", "toml", "txt"];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for root in ROOTS {
        println!("cargo::rerun-if-changed={root}");
        collect(Path::new(root), &mut files)?;
    }
    files.sort();
    let mut crc = !0;
    for name in files {
        crc = crc32(crc, name.as_bytes());
        crc = crc32(crc, &fs::read(&name)?);
    }
    println!("cargo::rustc-env=AVIARY_SOURCE_DIGEST={:08x}", !crc);
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<String>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) {
        files.push(path.to_string_lossy().replace('\\', "/"));
    }
    Ok(())
}

fn crc32(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
