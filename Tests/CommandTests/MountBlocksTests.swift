// What files take in a mount: the blocks of 4 KiB that are not all zero, as in the ext4 file of the image.

import TestKit
import Testing

extension MountedImageTests {
  @Suite struct StoredBlocks {
    /// For each file, the number of different blocks in which cmp finds bytes that are not zero.
    @Test func `a file takes as many blocks as are not zeros`() throws {
      let place = try Workplace(.ordinary)
      let mount = try MountedImage(try place.image(FixtureImage.everything.layers), in: place)
      let line = """
        cd "$1/contents"; find . -type f -printf '%P\\n' | sort | while read -r name; do
          count=$({ cmp -l -n "$(stat -c %s "$name")" "$name" /dev/zero || :; } |
            awk '{ block = int(($1 - 1) / 4096) } block != last || NR == 1 { n++ }
              { last = block } END { print n * 8 }')
          echo "$name: $(stat -c %b "$name") $count"
        done
        """
      let lines = try mount.shell(line).split(separator: "\n")
      let wrong = lines.filter { line in
        let numbers = line.split(separator: " ").suffix(2)
        return numbers.first != numbers.last
      }
      #expect(wrong == [])
      // 2,600,001 bytes are 635 blocks of 8 units each; an island is one.
      for known in ["large: 5080 5080", "zeros: 0 0", "sparse 1.0: 24 24", "all hole: 0 0"] {
        #expect(lines.contains { $0 == known }, "\(known)")
      }
    }
  }
}
