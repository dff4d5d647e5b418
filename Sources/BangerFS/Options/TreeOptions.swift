// Which tree: an image, and what is laid over it before anybody looks. What all commands take that show or
// write an image's files.

import ArgumentParser

struct TreeOptions: ParsableArguments {
  @OptionGroup var image: ImageOptions
  @OptionGroup var additions: AdditionOptions
}
