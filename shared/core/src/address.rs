//! Which IP addresses are never called, so that a party cannot aim our requests at what only we can reach.
//!
//! The lists follow the IANA special-purpose registries (RFC 6890) and DESIGN section 6, "Push rules".

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

const fn v6(text: [u16; 8]) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, h] = text;
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

/// A block of addresses: its first address, the length of its prefix, and what to say of it.
type Block<A> = (A, u32, &'static str);

/// Refused whatever the configuration: what runs on the machine itself or in the cloud underneath it.
const ALWAYS_V4: [Block<Ipv4Addr>; 4] = [
    (v4(169, 254, 0, 0), 16, "a link-local address (RFC 3927)"),
    (v4(100, 100, 100, 200), 32, "a cloud metadata address"),
    (v4(168, 63, 129, 16), 32, "a cloud metadata address"),
    (v4(192, 0, 0, 192), 32, "a cloud metadata address"),
];

/// Refused unless private endpoints are allowed.
const NOT_PUBLIC_V4: [Block<Ipv4Addr>; 14] = [
    (v4(0, 0, 0, 0), 8, "an address of this network (RFC 791)"),
    (v4(10, 0, 0, 0), 8, "a private address (RFC 1918)"),
    (v4(100, 64, 0, 0), 10, "a shared address (RFC 6598)"),
    (v4(127, 0, 0, 0), 8, "a loopback address (RFC 1122)"),
    (v4(172, 16, 0, 0), 12, "a private address (RFC 1918)"),
    (v4(192, 0, 0, 0), 24, "a protocol assignment (RFC 6890)"),
    (v4(192, 0, 2, 0), 24, "a documentation address (RFC 5737)"),
    (v4(192, 88, 99, 0), 24, "a 6to4 relay address (RFC 7526)"),
    (v4(192, 168, 0, 0), 16, "a private address (RFC 1918)"),
    (v4(198, 18, 0, 0), 15, "a benchmarking address (RFC 2544)"),
    (v4(198, 51, 100, 0), 24, "a documentation address (RFC 5737)"),
    (v4(203, 0, 113, 0), 24, "a documentation address (RFC 5737)"),
    (v4(224, 0, 0, 0), 4, "a multicast address (RFC 5771)"),
    (v4(240, 0, 0, 0), 4, "a reserved or broadcast address (RFC 1112)"),
];

/// Refused whatever the configuration: link-local, metadata, and forms that only carry another address.
const ALWAYS_V6: [Block<Ipv6Addr>; 8] = [
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, "a link-local address (RFC 4291)"),
    (v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0]), 32, "a cloud metadata address"),
    (v6([0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]), 128, "a cloud metadata address"),
    (v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]), 128, "a cloud metadata address"),
    (v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042]), 128, "a cloud metadata address"),
    (v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, "a local translation address (RFC 8215)"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, "a Teredo address (RFC 4380)"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, "a 6to4 address (RFC 3056)"),
];

/// Refused unless private endpoints are allowed; outside [`GLOBAL_V6`] only to name the reason.
const NOT_PUBLIC_V6: [Block<Ipv6Addr>; 9] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 128, "the unspecified address (RFC 4291)"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1]), 128, "a loopback address (RFC 4291)"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, "a unique local address (RFC 4193)"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, "a site-local address (RFC 3879)"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, "a multicast address (RFC 4291)"),
    (v6([0x0100, 0, 0, 0, 0, 0, 0, 0]), 64, "a discard address (RFC 6666)"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, "a protocol assignment (RFC 2928)"),
    (v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0]), 32, "a documentation address (RFC 3849)"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, "a documentation address (RFC 9637)"),
];

/// The only IPv6 block that IANA hands out for public unicast (RFC 4291, section 2.4).
const GLOBAL_V6: Block<Ipv6Addr> = (v6([0x2000, 0, 0, 0, 0, 0, 0, 0]), 3, "");

/// Why this address is never called, or `None` when it may be.
///
/// `allow_private` admits everything but link-local and cloud metadata addresses, and IPv6 forms that
/// hide another address. An IPv4-mapped address and one of the well-known NAT64 prefix are judged as
/// the IPv4 address that a connection to them reaches.
#[must_use]
pub fn refusal(ip: IpAddr, allow_private: bool) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => refusal_v4(ip, allow_private),
        IpAddr::V6(ip) => match carried(ip) {
            Some(carried) => refusal_v4(carried, allow_private),
            None => refusal_v6(ip, allow_private),
        },
    }
}

/// The IPv4 address behind an IPv4-mapped one (RFC 4291, 2.5.5.2) or behind NAT64 (RFC 6052, 2.1).
///
/// Both occur in practice: a machine with IPv6 alone reaches every IPv4 endpoint through NAT64.
fn carried(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

fn refusal_v4(ip: Ipv4Addr, allow_private: bool) -> Option<&'static str> {
    let within = |&(first, prefix, reason): &Block<Ipv4Addr>| {
        let differing = u32::from(ip) ^ u32::from(first);
        (differing.leading_zeros() >= prefix).then_some(reason)
    };
    let always = ALWAYS_V4.iter().find_map(within);
    always.or_else(|| NOT_PUBLIC_V4.iter().filter(|_| !allow_private).find_map(within))
}

fn refusal_v6(ip: Ipv6Addr, allow_private: bool) -> Option<&'static str> {
    let within = |&(first, prefix, reason): &Block<Ipv6Addr>| {
        let differing = u128::from(ip) ^ u128::from(first);
        (differing.leading_zeros() >= prefix).then_some(reason)
    };
    if let Some(reason) = ALWAYS_V6.iter().find_map(within).or_else(|| ipv4_compatible(ip)) {
        return Some(reason);
    }
    if allow_private {
        return None;
    }
    let named = NOT_PUBLIC_V6.iter().find_map(within);
    named.or_else(|| within(&GLOBAL_V6).is_none().then_some("not a public address (RFC 4291)"))
}

/// `::a.b.c.d` (RFC 4291, 2.5.5.1, deprecated), but for `::` and `::1`, which have meanings of their own.
fn ipv4_compatible(ip: Ipv6Addr) -> Option<&'static str> {
    let number = u128::from(ip);
    (number > 1 && number <= u128::from(u32::MAX)).then_some("an IPv4-compatible address (RFC 4291)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, allow_private: bool) -> bool {
        refusal(text.parse().unwrap(), allow_private).is_some()
    }

    /// The addresses next to a block, before and after it, where those are public.
    #[test]
    fn public_addresses_are_called() {
        for text in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.1.255",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:200::",
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
            "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2003::",
            "2606:4700::1111",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:1000::",
            "3fff:ffff::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::1.0.0.0",
        ] {
            assert!(!refused(text, false), "{text}");
            assert!(!refused(text, true), "{text}");
        }
    }

    /// The first and the last address of each block.
    #[test]
    fn private_addresses_are_called_only_when_allowed() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.199",
            "100.100.100.201",
            "100.127.255.255",
            "127.0.0.0",
            "127.0.0.1",
            "127.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.191",
            "192.0.0.193",
            "192.0.0.255",
            "192.0.2.0",
            "192.0.2.255",
            "192.88.99.0",
            "192.88.99.255",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.0",
            "198.51.100.255",
            "203.0.113.0",
            "203.0.113.255",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "::1:0:0",
            "::fffe:ffff:ffff",
            "::1:0:0:0",
            "64:ff9a::",
            "64:ff9b::1:0:0",
            "64:ff9b:0:ffff::",
            "64:ff9b:2::",
            "100::",
            "100::ffff:ffff:ffff:ffff",
            "100:0:0:1::",
            "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:1::",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:2::",
            "2001:10::",
            "2001:2f::",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            "4000::",
            "5f00::",
            "fbff:ffff::",
            "fc00::",
            "fd00:ec1:ffff:ffff:ffff:ffff:ffff:ffff",
            "fd00:ec3::",
            "fdff:ffff::",
            "fe00::",
            "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fec0::",
            "feff:ffff::",
            "ff00::",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:0.0.0.0",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:255.255.255.255",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
        ] {
            assert!(refused(text, false), "{text}");
            assert!(!refused(text, true), "{text}");
        }
    }

    #[test]
    fn link_local_metadata_and_disguised_addresses_are_never_called() {
        for text in [
            "169.254.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::",
            "fe80::1",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fd00:ec2::",
            "fd00:ec2::254",
            "fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff",
            "fd00:c1::a9fe:a9fe",
            "fd20:ce::254",
            "fd00:42::42",
            "::ffff:169.254.169.254",
            "::ffff:100.100.100.200",
            "64:ff9b::169.254.169.254",
            "::2",
            "::127.0.0.1",
            "::255.255.255.255",
            "64:ff9b:1::",
            "64:ff9b:1::10.0.0.1",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            "2001::",
            "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            "2002::",
            "2002:7f00:1::",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(refused(text, false), "{text}");
            assert!(refused(text, true), "{text}");
        }
    }

    #[test]
    fn the_reason_names_the_kind_of_address() {
        for (text, part) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("10.0.0.1", "private"),
            ("169.254.169.254", "link-local"),
            ("fd00:ec2::254", "metadata"),
            ("fd12::1", "unique local"),
            ("5f00::1", "not a public"),
        ] {
            let reason = refusal(text.parse().unwrap(), false).unwrap();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
