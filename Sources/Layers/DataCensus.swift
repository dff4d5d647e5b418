// Counts the blocks of files that are not all zero while a layer's tar stream passes by. Knows where
// in the stream the file's bytes are from the table that is being built.

import FileTree
import Offsets

struct DataCensus {
  /// The file whose bytes are passing by, and the stored run of it that is next.
  private struct Passing {
    let entry: Int
    var number: Int
    var run: DataSegment
  }

  private var passing: Passing?
  private var counter = DataBlockCounter()

  /// Begins with the entry that was added last, whose data is still ahead in the stream.
  mutating func begin(in table: LayerTableBuilder) {
    let entry = table.entryCount - 1
    counter = DataBlockCounter()
    passing = table.segment(0, ofEntry: entry).map { Passing(entry: entry, number: 0, run: $0) }
  }

  /// Looks at what of `bytes`, which begin at `start` in the stream, is the file's.
  ///
  /// The count goes into `table` when the file's last byte has been seen. A stream that ends before
  /// is an error of the scanner's.
  mutating func take(_ bytes: Span<UInt8>, at start: TarOffset, into table: inout LayerTableBuilder)
  {
    let end = start.bytes + UInt64(bytes.count)
    while let current = passing {
      let run = current.run
      let from = max(run.tar.bytes, start.bytes)
      let to = min(run.tar.bytes + run.byteCount, end)
      if from < to {
        counter.add(
          bytes.extracting(Int(from - start.bytes)..<Int(to - start.bytes)),
          at: FileOffset(run.file.bytes + (from - run.tar.bytes))
        )
      }
      if run.tar.bytes + run.byteCount > end { return }
      advance(behind: current, in: &table)
    }
  }

  private mutating func advance(behind current: Passing, in table: inout LayerTableBuilder) {
    let next = current.number + 1
    if let run = table.segment(next, ofEntry: current.entry) {
      passing = Passing(entry: current.entry, number: next, run: run)
    } else {
      table.setDataBlocks(counter.blocks, runs: counter.runs, ofEntry: current.entry)
      passing = nil
    }
  }
}
