"""Records of compute, one file per noun. Pure data: frozen Structs and tables of states."""
