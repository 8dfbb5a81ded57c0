//! GUIDs as GPT stores them.

use std::fmt;

use crate::bytes::array_at;

/// A GUID in the byte order of the disk: the first three groups little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// `C12A7328-F81F-11D2-BA4B-00A0C93EC93B`: the EFI system partition, a FAT.
    pub const EFI_SYSTEM: Self = Self::of(0xC12A_7328_F81F_11D2_BA4B_00A0_C93E_C93B);
    /// `EBD0A0A2-B9E5-4433-87C0-68B6B72699C7`: Windows data, in images of small boards a FAT.
    pub const BASIC_DATA: Self = Self::of(0xEBD0_A0A2_B9E5_4433_87C0_68B6_B726_99C7);
    /// `0FC63DAF-8483-4772-8E79-3D69D8477DE4`: a Linux file system.
    pub const LINUX: Self = Self::of(0x0FC6_3DAF_8483_4772_8E79_3D69_D847_7DE4);
    /// `B921B045-1DF0-41C3-AF44-4C6F280D3FAE`: the root of a 64-bit ARM Linux.
    pub const LINUX_ROOT_ARM64: Self = Self::of(0xB921_B045_1DF0_41C3_AF44_4C6F_280D_3FAE);
    /// `4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709`: the root of a 64-bit x86 Linux.
    pub const LINUX_ROOT_X86_64: Self = Self::of(0x4F68_BCE3_E8CD_4DB1_96E7_FBCA_F984_B709);

    /// The GUID whose 32 hexadecimal digits, as printed, are `digits`.
    pub const fn of(digits: u128) -> Self {
        let mut bytes = digits.to_be_bytes();
        let (groups, _) = bytes.split_at_mut(8);
        let (first, others) = groups.split_at_mut(4);
        let (second, third) = others.split_at_mut(2);
        first.swap(0, 3);
        first.swap(1, 2);
        second.swap(0, 1);
        third.swap(0, 1);
        Self(bytes)
    }

    /// All bits zero: an unused entry.
    pub fn is_nil(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = &self.0;
        write!(
            f,
            "{:08X}-{:04X}-{:04X}-{:04X}-{:04X}{:08X}",
            u32::from_le_bytes(array_at(bytes, 0)),
            u16::from_le_bytes(array_at(bytes, 4)),
            u16::from_le_bytes(array_at(bytes, 6)),
            u16::from_be_bytes(array_at(bytes, 8)),
            u16::from_be_bytes(array_at(bytes, 10)),
            u32::from_be_bytes(array_at(bytes, 12)),
        )
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Guid;

    #[test]
    fn stores_the_first_groups_little_endian() {
        let expected = [
            0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E,
            0xC9, 0x3B,
        ];
        assert_eq!(Guid::EFI_SYSTEM.0, expected);
        assert_eq!(
            Guid::EFI_SYSTEM.to_string(),
            "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
        );
    }
}
