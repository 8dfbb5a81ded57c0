//! Disk images as bytes: MBR, GPT, FAT and ext4 behind one small storage trait.
