//! A PNG of 20,000 × 20,000 pixels in 2.5 MB, written by hand: correct to the last checksum, and
//! 400 MB when decoded.

const SIDE: u32 = 20_000;
/// The adler-32 checksum's modulus.
const ADLER: u64 = 65_521;

/// The file.
pub(super) fn png() -> Vec<u8> {
    let mut header = Vec::from(SIDE.to_be_bytes());
    header.extend(SIDE.to_be_bytes());
    // 8 bits of grey, deflate, adaptive filters, not interlaced.
    header.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &zeros(u64::from(SIDE) * u64::from(SIDE + 1)));
    chunk(&mut file, b"IEND", b"");
    file
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    file.extend((content.len() as u32).to_be_bytes());
    let begin = file.len();
    file.extend(kind);
    file.extend(content);
    let checksum = crc(&file[begin..]);
    file.extend(checksum.to_be_bytes());
}

/// So many zeros as zlib writes them: one block of fixed codes, one zero and then copies of it.
fn zeros(count: u64) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0b1, 1); // the last block
    bits.put(0b01, 2); // of fixed codes
    bits.put(0b0000_1100, 8); // 0: code 0x30, its first bit first
    let copies = (count - 1) / 258;
    for _ in 0..copies {
        bits.put(0b1010_0011, 8); // 258 bytes: code 0xc5
        bits.put(0, 5); // from one byte back
    }
    for _ in 0..(count - 1) % 258 {
        bits.put(0b0000_1100, 8);
    }
    bits.put(0, 7); // the end
    let mut stream = vec![0x78, 0x9c];
    stream.extend(bits.finish());
    let adler = ((count % ADLER) as u32) << 16 | 1;
    stream.extend(adler.to_be_bytes());
    stream
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    length: u32,
}

impl Bits {
    fn put(&mut self, value: u32, length: u32) {
        self.pending |= value << self.length;
        self.length += length;
        while self.length >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.length -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.length > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// The same at a size that a decoder may open: what is made by hand must be a picture.
#[test]
fn the_bomb_is_a_picture() {
    let file = png();
    assert!((1 << 20..3 << 20).contains(&file.len()), "{}", file.len());
    let reader =
        image::ImageReader::new(std::io::Cursor::new(&file)).with_guessed_format().unwrap();
    assert_eq!(reader.into_dimensions().unwrap(), (SIDE, SIDE));
    assert_eq!(crc(b"IEND"), 0xae42_6082);
}
