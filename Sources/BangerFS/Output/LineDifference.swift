// The lines that one text lacks and another has, as few as can be. Source: E. W. Myers, "An O(ND)
// Difference Algorithm and Its Variations", Algorithmica 1 (1986), the basic algorithm.

/// Lines of one text that others take the place of; either range may be empty.
struct LineChange: Equatable {
  var old: Range<Int>
  var new: Range<Int>
}

/// Compares two texts whose lines are numbers: equal lines have equal ones.
struct LineDifference {
  /// Lines removed and added; beyond them, all from the first to the last one counts as one change.
  static let editLimit = 2000

  private let old: ArraySlice<Int32>
  private let new: ArraySlice<Int32>

  /// The changes that make `new` of `old`, in order, with at least one equal line between them.
  ///
  /// Where it takes more than `stepLimit` comparisons of two lines, one change of all between.
  static func changes(
    from old: [Int32],
    to new: [Int32],
    stepLimit: Int = 50_000_000
  ) -> [LineChange] {
    let shorter = min(old.count, new.count)
    let start = (0..<shorter).first { old[$0] != new[$0] } ?? shorter
    let common = (0..<(shorter - start)).first {
      old[old.count - 1 - $0] != new[new.count - 1 - $0]
    }
    let end = common ?? shorter - start
    let whole = LineChange(old: start..<(old.count - end), new: start..<(new.count - end))
    if whole.old.isEmpty || whole.new.isEmpty {
      return whole.old.isEmpty && whole.new.isEmpty ? [] : [whole]
    }
    let middle = LineDifference(old: old[whole.old], new: new[whole.new])
    return middle.shortest(stepLimit: stepLimit) ?? [whole]
  }

  /// The shortest way from the one text to the other; `nil` where it is too long.
  ///
  /// A way goes through points: so many lines of the old text and of the new are behind it. What
  /// counts is the furthest point on each diagonal, old lines less new lines, after so many edits.
  private func shortest(stepLimit: Int) -> [LineChange]? {
    var furthest: [[Int32]] = []
    var steps = 0
    for edits in 0...min(old.count + new.count, Self.editLimit) {
      var row: [Int32] = []
      row.reserveCapacity(edits + 1)
      for diagonal in stride(from: -edits, through: edits, by: 2) {
        let first = begin(diagonal, edits, furthest.last ?? [])
        let last = slide(from: first, on: diagonal)
        steps += 1 + last - first
        row.append(Int32(last))
        if last >= old.count, last - diagonal >= new.count {
          return changes(alongside: furthest, edits: edits)
        }
      }
      if steps > stepLimit { return nil }
      furthest.append(row)
    }
    return nil
  }

  /// How many old lines are behind the point at which `diagonal` is entered by the last of `edits`.
  private func begin(_ diagonal: Int, _ edits: Int, _ row: [Int32]) -> Int {
    if edits == 0 { return 0 }
    let isInsertion = Self.isInsertion(diagonal, edits, row)
    let before = Int(row[(diagonal + (isInsertion ? 1 : -1) + edits - 1) / 2])
    return isInsertion ? before : before + 1
  }

  /// Whether the last of `edits` adds a line of the new text; else it removes one of the old.
  private static func isInsertion(_ diagonal: Int, _ edits: Int, _ row: [Int32]) -> Bool {
    if diagonal == -edits { return true }
    if diagonal == edits { return false }
    let place = (diagonal + edits) / 2
    return row[place - 1] < row[place]
  }

  /// Passes equal lines.
  private func slide(from first: Int, on diagonal: Int) -> Int {
    var place = first
    while place < old.count, place - diagonal < new.count,
      old[old.startIndex + place] == new[new.startIndex + place - diagonal]
    {
      place += 1
    }
    return place
  }

  /// Goes back over the edits from the end of both texts.
  private func changes(alongside furthest: [[Int32]], edits: Int) -> [LineChange] {
    var changes: [LineChange] = []
    var diagonal = old.count - new.count
    for edits in stride(from: edits, to: 0, by: -1) {
      let row = furthest[edits - 1]
      let isInsertion = Self.isInsertion(diagonal, edits, row)
      let place = begin(diagonal, edits, row) - (isInsertion ? 0 : 1)
      diagonal += isInsertion ? 1 : -1
      let oldStart = old.startIndex + place
      let newStart = new.startIndex + place - diagonal
      let edit = LineChange(
        old: oldStart..<(oldStart + (isInsertion ? 0 : 1)),
        new: newStart..<(newStart + (isInsertion ? 1 : 0))
      )
      if let next = changes.last, next.old.lowerBound == edit.old.upperBound,
        next.new.lowerBound == edit.new.upperBound
      {
        changes[changes.count - 1].old = edit.old.lowerBound..<next.old.upperBound
        changes[changes.count - 1].new = edit.new.lowerBound..<next.new.upperBound
      } else {
        changes.append(edit)
      }
    }
    return changes.reversed()
  }
}
