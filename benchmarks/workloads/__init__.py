"""The programs that are measured, one file each. README.md of the folder above says what a file must have."""
