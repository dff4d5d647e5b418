// What the handlers of a session share. libfuse hands it back to them as a raw pointer; nothing in
// it changes but counters, reads and requests that wait, and each thread's own memory.

import CFuse3
import Glibc

/// The state that every request handler reaches.
final class ServerCore: Sendable {
  /// The memory of each thread for one answer: the largest READ.
  ///
  /// Only pages that are used take room.
  static var answerByteCount: Int { InitAnswer.largestRead }

  let fileSystem: any FuseFileSystem
  let options: FuseOptions
  let offer: KernelOffer
  let counters = RequestCounters()
  let reads: ReadPool
  let preparations = PreparationQueue()
  private let memoryKey: pthread_key_t

  init(
    serving fileSystem: any FuseFileSystem,
    options: FuseOptions,
    offer: KernelOffer
  ) throws(FuseError) {
    self.fileSystem = fileSystem
    self.options = options
    self.offer = offer
    reads = ReadPool(capacity: options.readQueueCapacity)
    var key = pthread_key_t()
    let failure = pthread_key_create(&key, nil)
    guard failure == 0 else {
      throw .systemCall(name: "pthread_key_create", POSIXErrno(rawValue: failure))
    }
    memoryKey = key
  }

  deinit {
    pthread_key_delete(memoryKey)
  }

  /// Runs `body` with memory for answers that `answerMemory` finds on this thread.
  func withAnswerMemory(_ body: () -> Void) {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Self.answerByteCount,
      alignment: Int(getpagesize())
    )
    pthread_setspecific(memoryKey, memory)
    body()
    pthread_setspecific(memoryKey, nil)
    memory.deallocate()
  }

  /// This thread's memory for answers, cut to `byteCount`; `nil` if that is more than there is.
  func answerMemory(_ byteCount: Int) -> UnsafeMutableRawBufferPointer? {
    guard (0...Self.answerByteCount).contains(byteCount),
      let memory = pthread_getspecific(memoryKey)
    else { return nil }
    return UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
  }

  /// What a read worker does until the reads are closed.
  func performReads() {
    withAnswerMemory {
      while let job = reads.next() {
        perform(job)
      }
    }
  }

  /// Answers a read that readImmediately could not, on the calling thread.
  func perform(_ job: consuming ReadJob) {
    guard let memory = answerMemory(job.byteCount) else { return job.reply.fail(.inputOutput) }
    let file = job.file
    let offset = job.offset
    do throws(POSIXErrno) {
      let count = try fileSystem.read(file, at: offset, into: memory)
      finish(job, count: count, memory: memory)
    } catch {
      job.reply.fail(error)
    }
  }

  /// Answers with what was read, unless that is short of both the request and the file's end.
  func finish(_ job: consuming ReadJob, count: Int, memory: UnsafeMutableRawBufferPointer) {
    guard count == memory.count || endsFile(job.file, at: job.offset, count: count) else {
      return job.reply.fail(.inputOutput)
    }
    job.reply.bytes(prefix: count, of: memory)
  }

  /// Whether fewer bytes than asked for are all that the file has from `offset` on.
  private func endsFile(_ file: InodeNumber, at offset: UInt64, count: Int) -> Bool {
    do throws(POSIXErrno) {
      let size = try fileSystem.attributes(of: file).byteCount
      return count == (size > offset ? Int(exactly: size - offset) : 0)
    } catch {
      return false
    }
  }
}
