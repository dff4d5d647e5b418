// Placeholder to be replaced by the suite.
import Testing
