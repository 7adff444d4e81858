// Package unpack turns an archive of somebody who is not trusted into a tar that an engine may unpack.
//
// [Tar] reads a tar, tar.gz, tar.zst or zip, and writes what is in it below one directory: plain files, directories and
// links that stay inside. What is anything else ends it with an [*Error] that names the entry. Permissions are those of
// the archive; owners, special bits and extended attributes are not taken over.
//
// How an archive could leave its directory, and why it cannot:
//
//   - by its name: absolute names and names with ".." are refused;
//   - through a link that it has made before: nothing goes below a name that is a link or a file, and no name but a
//     directory's comes twice;
//   - by a link that points outside: the target of a symbolic link is relative, and its ".." come first. They lead up
//     through directories that this archive has made, which are no links, and never above the first. What follows leads
//     down, perhaps through other links, of which the same is true;
//   - by a hard link: it names a file of the archive that came before.
//
// How it could be too much, and why it is not: bytes, entries and names are counted while they are read, so that a bomb
// ends the reading when it is over the limit. What is compressed is counted as it comes out. A zip's directory and the
// window of zstd, which are held in memory, have limits of their own.
package unpack
