// From what keeps files from being added to an image that exists to an exit status.

import Ext4Image

extension InjectionProblem {
  var exitStatus: ExitStatus {
    switch self {
    case .unusableFeatures, .imageHasErrors: .invalidImage
    case .imageChanged: .temporary
    case .noRoom, .ranOutOfRoom, .linkOnTheWay, .parentIsNotADirectory, .directoryInTheWay,
      .targetTooLong:
      .cannotCreate
    case .addedTwice, .untellableName, .untellableTarget: .usage
    case .unreadable: .inputOutput
    case .contentDiffers: .unclassified
    }
  }
}
