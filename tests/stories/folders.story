# folders
