; Inno Setup 6 recipe of the Windows installer. Called by build.py:
;   ISCC /DVersion=0.1.0 /DFolder=build\dist\fgvc-studio /DIcon=build\icons\app.ico /Obuild fgvc-studio.iss
; Installs for one user without administrator rights, or for all users when asked to.

#ifndef Version
  #error Give the version: /DVersion=1.2.3
#endif

[Setup]
AppId={{6E1B7B60-5C0E-4B56-9C1E-2F5C2C0F6A51}
AppName=FGVC Studio
AppVersion={#Version}
AppPublisher=The FGVC Studio authors
DefaultDirName={autopf}\FGVC Studio
DefaultGroupName=FGVC Studio
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
OutputBaseFilename=fgvc-studio-{#Version}-windows-x86_64
SetupIconFile={#Icon}
UninstallDisplayIcon={app}\FGVC Studio.exe
LicenseFile={#SourcePath}\..\..\..\LICENSE
Compression=lzma2/normal
SolidCompression=yes
LZMANumBlockThreads=2
WizardStyle=modern
ChangesAssociations=yes
ChangesEnvironment=yes

[Languages]
Name: "english"; MessagesFile: "compiler:Default.isl"

[Tasks]
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked
Name: "path"; Description: "Offer the command fgvc-studio in terminals"; Flags: unchecked

[Files]
Source: "{#Folder}\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[InstallDelete]
; Libraries of an older version must not be found beside those of the new one.
Type: filesandordirs; Name: "{app}\_internal"

[Icons]
Name: "{group}\FGVC Studio"; Filename: "{app}\FGVC Studio.exe"
Name: "{autodesktop}\FGVC Studio"; Filename: "{app}\FGVC Studio.exe"; Tasks: desktopicon

[Registry]
; A project is a folder, so Explorer gets a verb for folders instead of a file type.
Root: HKA; Subkey: "Software\Classes\Directory\shell\FGVCStudio"; ValueType: string; ValueData: "Open in FGVC Studio"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Directory\shell\FGVCStudio"; ValueType: string; ValueName: "AppliesTo"; ValueData: "System.FileName:""*.fgvc"""
Root: HKA; Subkey: "Software\Classes\Directory\shell\FGVCStudio"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\FGVC Studio.exe"
Root: HKA; Subkey: "Software\Classes\Directory\shell\FGVCStudio\command"; ValueType: string; ValueData: """{app}\FGVC Studio.exe"" ""%1"""
Root: HKCU; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{olddata};{app}"; Tasks: path; Check: NotOnPath

[Run]
Filename: "{app}\FGVC Studio.exe"; Description: "{cm:LaunchProgram,FGVC Studio}"; Flags: nowait postinstall skipifsilent

[Code]
function NotOnPath: Boolean;
var
  Path: string;
begin
  if not RegQueryStringValue(HKEY_CURRENT_USER, 'Environment', 'Path', Path) then
    Path := '';
  Result := Pos(';' + Uppercase(ExpandConstant('{app}')) + ';', ';' + Uppercase(Path) + ';') = 0;
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Path, Ours: string;
  Place: Integer;
begin
  if Step <> usPostUninstall then
    exit;
  Ours := ';' + ExpandConstant('{app}');
  if RegQueryStringValue(HKEY_CURRENT_USER, 'Environment', 'Path', Path) then
  begin
    Place := Pos(Uppercase(Ours), Uppercase(Path));
    if Place > 0 then
    begin
      Delete(Path, Place, Length(Ours));
      RegWriteExpandStringValue(HKEY_CURRENT_USER, 'Environment', 'Path', Path);
    end;
  end;
end;
